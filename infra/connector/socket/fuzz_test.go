package socket

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"bazaar/infra/connector/socket/talk"
)

// notes is a sink that writes down what it hears.
type notes struct{ heard []string }

func (n *notes) frame(op ws.OpCode) error {
	n.heard = append(n.heard, fmt.Sprintf("frame %x", op))
	return nil
}

func (n *notes) text(message []byte) error {
	n.heard = append(n.heard, "text "+string(message))
	return nil
}

func (n *notes) control(op ws.OpCode, payload []byte) error {
	n.heard = append(n.heard, fmt.Sprintf("control %x %s", op, payload))
	if op == ws.OpClose {
		return bye(payload)
	}
	return nil
}

func testLimits() *Settings {
	set, err := Settings{Path: "/", Protocol: "x"}.filled()
	if err != nil {
		panic(err)
	}
	return &set
}

// parsed is everything that comes of bytes that arrive in such pieces. It fails
// the test when more memory is held than what came can need.
func parsed(t *testing.T, data []byte, pieces func() int) []string {
	t.Helper()
	var n notes
	var p parser
	most := testLimits()
	for rest := data; len(rest) > 0; {
		size := min(max(pieces(), 1), len(rest))
		// A copy: the bytes are changed, and nothing of them may be kept.
		piece := bytes.Clone(rest[:size])
		err := p.feed(piece, most, &n)
		clear(piece)
		if got := len(p.message); p.held() > 2*got || p.held() > most.MaxMessage || got > len(data) || cap(p.partial) > 256 {
			t.Fatalf("holds %d bytes for %d that came, and %d of a control frame", p.held(), got, cap(p.partial))
		}
		var f *failure
		if errors.As(err, &f) {
			return append(n.heard, fmt.Sprintf("end %d %v", f.code, f.bye))
		}
		if err != nil {
			t.Fatalf("ended with %v, which has no code", err)
		}
		rest = rest[size:]
	}
	return append(n.heard, fmt.Sprintf("midway %v", p.midway()))
}

// FuzzFrame: whatever comes, in whatever pieces, the same is heard, texts are
// UTF-8 and within bounds, and no memory is taken for what was only announced.
func FuzzFrame(f *testing.F) {
	for _, talks := range talk.All() {
		for i, c := range talks {
			if len(c.Send) < 256 {
				f.Add(join(c.Send, c.Bye), uint64(i))
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		whole := parsed(t, data, func() int { return len(data) })
		random := rand.New(rand.NewPCG(seed, 1))
		for name, pieces := range map[string]func() int{
			"byte by byte": func() int { return 1 }, "in pieces": func() int { return 1 + random.IntN(20) }, "in buffers": func() int { return bufferBytes },
		} {
			if got := parsed(t, data, pieces); !slices.Equal(got, whole) {
				t.Errorf("%s: heard %q, whole %q", name, got, whole)
			}
		}
		for _, heard := range whole {
			if text, ok := strings.CutPrefix(heard, "text "); ok && (!utf8.ValidString(text) || len(text) > testLimits().MaxMessage) {
				t.Errorf("handed on %q", text)
			}
		}
	})
}

// FuzzText: pieces are UTF-8 when the whole is, and what makes them not is found
// with its first byte.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "plain", "ä€😀", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\x80", "\xe2\x82", "a\x80", "\xf0\x9f\x98", "\ufffd", "\xef\xbf"} {
		f.Add([]byte(s), uint8(1))
		f.Add([]byte(strings.Repeat("x", 30)+s+"tail"), uint8(7))
	}
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		step := max(int(size), 1)
		var pieces text
		ok, at := true, 0
		for rest := data; len(rest) > 0 && ok; {
			n := min(step, len(rest))
			ok = pieces.write(rest[:n])
			rest, at = rest[n:], at+n
		}
		if want := utf8.Valid(data); want != (ok && pieces.whole()) {
			t.Fatalf("%q in pieces of %d: %v, want %v", data, step, !want, want)
		}
		if !ok && couldBecome(data[:at]) {
			t.Errorf("%q was refused, and could have become UTF-8", data[:at])
		}
		if ok && !couldBecome(data) {
			t.Errorf("%q was not refused", data)
		}
	})
}

// couldBecome reports whether something can follow b that makes it UTF-8.
func couldBecome(b []byte) bool {
	if utf8.Valid(b) {
		return true
	}
	for _, second := range []byte{0x80, 0x90, 0xa0, 0xbf} {
		for n := 1; n <= 3; n++ {
			if utf8.Valid(append(bytes.Clone(b), append([]byte{second}, 0x80, 0x80)[:n]...)) {
				return true
			}
		}
	}
	return false
}

// TestNoMemoryForWhatIsAnnounced: a message that comes byte by byte costs twice
// its size in all, and one that never comes costs nothing.
func TestNoMemoryForWhatIsAnnounced(t *testing.T) {
	most := testLimits()
	message := says(strings.Repeat("x", most.MaxMessage))
	spent := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			var p parser
			var n quiet
			for rest := message; len(rest) > 0; {
				k := min(1400, len(rest))
				piece := bytes.Clone(rest[:0:0])
				piece = append(piece, rest[:k]...)
				_ = p.feed(piece, most, n)
				rest = rest[k:]
			}
		}
	}).AllocedBytesPerOp()
	if most := int64(6 * len(message)); spent > most { // the pieces themselves are one size of it
		t.Errorf("%d bytes were allocated for a message of %d", spent, len(message))
	}
	var p parser
	if err := p.feed(append(headOf(fin|opText, uint64(most.MaxMessage)), xor([]byte("x"))...), most, quiet{}); err != nil || p.held() > 64 {
		t.Errorf("%d bytes are held for one that came, %v", p.held(), err)
	}
}

// quiet is a sink that keeps nothing.
type quiet struct{}

func (quiet) frame(ws.OpCode) error           { return nil }
func (quiet) text([]byte) error               { return nil }
func (quiet) control(ws.OpCode, []byte) error { return nil }
