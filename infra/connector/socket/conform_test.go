package socket

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"bazaar/infra/connector/socket/talk"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, talks := range talk.All() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := serve(t, nil)
			for _, c := range talks {
				r.holds(t, c.Name, c, len(c.Send)+len(c.Bye))
				r.holds(t, c.Name+", in pieces of 1000 bytes", c, 1000)
				if len(c.Send) < 600 {
					r.holds(t, c.Name+", byte by byte", c, 1)
				}
			}
		})
	}
}

// holds sends a talk in pieces and looks at what comes of it.
func (r *rig) holds(t *testing.T, name string, c talk.Talk, piece int) {
	t.Helper()
	peer, _ := r.open(t)
	for rest := join(c.Send, c.Bye); len(rest) > 0; {
		n := min(piece, len(rest))
		peer.utter(rest[:n])
		rest = rest[n:]
	}
	for _, pong := range c.Pongs {
		peer.hears(opPong, pong)
	}
	peer.hearsClose(Code(c.Code))
	_ = peer.Close()
	end := await(t, r.ended)
	if end.code != Code(c.Code) || c.Fault != (end.err != nil) {
		t.Errorf("%s: ended with %d, %v, want %d", name, end.code, end.err, c.Code)
	}
	for _, want := range c.Texts {
		select {
		case got := <-r.texts:
			if got != want {
				t.Errorf("%s: handed on %.60q, want %.60q", name, got, want)
			}
		default:
			t.Errorf("%s: %.60q was not handed on", name, want)
		}
	}
	select {
	case got := <-r.texts:
		t.Errorf("%s: handed on %.60q too", name, got)
	default:
	}
}

// TestTheMaskIsTakenOff at every place of the mask, in pieces of every length.
func TestTheMaskIsTakenOff(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("0123456789abcdefghijklmnopqrstuvwxyz", 8)
	for length := range len(text) {
		for piece := 1; piece <= 40; piece++ {
			var got notes
			var p parser
			for rest := says(text[:length]); len(rest) > 0; {
				n := min(piece, len(rest))
				if err := p.feed(bytes.Clone(rest[:n]), testLimits(), &got); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			if want := "text " + text[:length]; len(got.heard) != 2 || got.heard[1] != want {
				t.Fatalf("%d bytes in pieces of %d: %q", length, piece, got.heard)
			}
		}
	}
}

func TestFramesAreCompiled(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 125, 126, 65535, 65536, 200000} {
		wire := Text(bytes.Repeat([]byte("x"), n)).wire
		var head []byte
		switch {
		case n < 126:
			head = []byte{0x81, byte(n)}
		case n < 1<<16:
			head = binary.BigEndian.AppendUint16([]byte{0x81, 126}, uint16(n))
		default:
			head = binary.BigEndian.AppendUint64([]byte{0x81, 127}, uint64(n))
		}
		if !bytes.HasPrefix(wire, head) || len(wire) != len(head)+n {
			t.Errorf("%d bytes begin with %x and are %d on the wire", n, wire[:2], len(wire))
		}
	}
	if got := string(Text([]byte("a"), []byte("b"), nil).wire); got != "\x81\x04a\nb\n" {
		t.Errorf("lines go as %q", got)
	}
	if got := closing(Normal, strings.Repeat("x", 122)+"ä").wire; len(got) != 2+2+122 || got[1] != 124 {
		t.Errorf("a long reason goes as %q", got)
	}
	for _, code := range []Code{Abnormal, 999, 1004, 1015, 5000} {
		if f := closing(code, "x"); f.Len() != 0 {
			t.Errorf("%d goes as %x", code, f.wire)
		}
	}
}

func TestWhoComesBack(t *testing.T) {
	t.Parallel()
	for code, want := range map[Code]bool{Normal: true, Abnormal: true, Restarting: true, Draining: true, TooSlow: true, 4199: true, 4200: false,
		Unauthenticated: false, Replaced: false, ForeignOrigin: false, 4399: false, 4400: true} {
		if code.ComesBack() != want {
			t.Errorf("%d comes back: %v", code, !want)
		}
	}
}
