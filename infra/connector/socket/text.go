package socket

import "unicode/utf8"

// text checks UTF-8 as it comes, in whatever pieces: what is wrong is found with
// the first byte that makes it so.
type text struct {
	rest [utf8.UTFMax]byte // the begin of a character whose end is still to come
	n    uint8
}

// write reports whether p may follow what was written before.
func (t *text) write(p []byte) bool {
	for t.n > 0 && len(p) > 0 {
		t.rest[t.n] = p[0]
		t.n++
		p = p[1:]
		if part := t.rest[:t.n]; utf8.FullRune(part) {
			if r, size := utf8.DecodeRune(part); r == utf8.RuneError && size == 1 {
				return false
			}
			t.n = 0
		}
	}
	// A character that the end cuts begins in the last three bytes.
	for i := len(p) - 1; i >= max(len(p)-utf8.UTFMax+1, 0); i-- {
		if !utf8.RuneStart(p[i]) {
			continue
		}
		if !utf8.FullRune(p[i:]) {
			t.n = uint8(copy(t.rest[:], p[i:]))
			p = p[:i]
		}
		break
	}
	return utf8.Valid(p)
}

// whole reports whether no character is begun.
func (t *text) whole() bool { return t.n == 0 }
