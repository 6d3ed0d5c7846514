package socket

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// talk is what a client sends and what must come of it: the messages that are
// handed on, and the code with which it ends.
type talk struct {
	name  string
	send  []byte
	texts []string
	pongs []string
	code  Code
	fault bool // the code is our verdict, not the client's word
}

// join puts frames behind one another.
func join(frames ...[]byte) []byte { return bytes.Join(frames, nil) }

// fragments is a message in pieces.
func fragments(parts ...string) []byte {
	var b []byte
	for i, part := range parts {
		first := byte(opMore)
		if i == 0 {
			first = opText
		}
		if i == len(parts)-1 {
			first |= fin
		}
		b = append(b, masked(first, []byte(part))...)
	}
	return b
}

// wellFormed are talks that end because the client says so.
func wellFormed() []talk {
	long := func(n int) string { return strings.Repeat("ä", n/2) + strings.Repeat("z", n%2) }
	ping := masked(fin|opPing, []byte("are you"))
	all := []talk{
		{name: "an empty message", send: says(""), texts: []string{""}},
		{name: "three at once", send: join(says("a"), says("b"), says("c")), texts: []string{"a", "b", "c"}},
		{name: "two fragments", send: fragments("Hel", "lo"), texts: []string{"Hello"}},
		{name: "fragments of nothing", send: fragments("", "", "x", "", ""), texts: []string{"x"}},
		{name: "nothing in fragments", send: fragments("", "", ""), texts: []string{""}},
		{name: "32 fragments", send: fragments(strings.Split(strings.Repeat("x,", 31)+"x", ",")...), texts: []string{strings.Repeat("x", 32)}},
		{name: "a character in four fragments", send: fragments("\xf0", "\x9f", "\x98", "\x80"), texts: []string{"😀"}},
		{name: "a ping", send: join(ping, says("x")), texts: []string{"x"}, pongs: []string{"are you"}},
		{name: "an empty ping", send: masked(fin|opPing, nil), pongs: []string{""}},
		{name: "a ping of 125 bytes", send: masked(fin|opPing, bytes.Repeat([]byte{0xff}, 125)), pongs: []string{strings.Repeat("\xff", 125)}},
		{name: "pings between fragments", send: join(masked(opText, []byte("a\xc3")), ping, masked(opMore, []byte("\xa4")), ping, masked(fin|opMore, []byte("b"))),
			texts: []string{"aäb"}, pongs: []string{"are you", "are you"}},
		{name: "a pong that nobody asked for", send: join(masked(fin|opPong, []byte("well")), says("x")), texts: []string{"x"}},
		{name: "fragments of 64 KiB together", send: fragments(long(1<<15), long(1<<15)), texts: []string{long(1<<15) + long(1<<15)}},
	}
	for _, n := range []int{1, 124, 125, 126, 127, 4081, 4082, 4083, 8192, 65534, 65535, 65536} {
		all = append(all, talk{name: fmt.Sprintf("a message of %d bytes", n), send: says(long(n)), texts: []string{long(n)}})
	}
	for i := range all {
		all[i].send = join(all[i].send, closes(Normal, "done"))
		all[i].code = Normal
	}
	return all
}

// malformed are talks that RFC 6455 forbids.
func malformed() []talk {
	with := func(head []byte, payload string) []byte { return append(head, payload...) }
	all := []talk{
		{name: "text without a mask", send: []byte{fin | opText, 1, 'x'}},
		{name: "a ping without a mask", send: []byte{fin | opPing, 0}},
		{name: "a close without a mask", send: []byte{fin | opClose, 2, 3, 0xe8}},
		{name: "a fragmented ping", send: masked(opPing, []byte("x"))},
		{name: "a fragmented close", send: masked(opClose, []byte{3, 0xe8})},
		{name: "a ping of 126 bytes", send: masked(fin|opPing, make([]byte, 126))},
		{name: "a close of 126 bytes", send: closes(Normal, strings.Repeat("x", 124))},
		{name: "the end of nothing", send: masked(fin|opMore, []byte("x"))},
		{name: "the middle of nothing", send: masked(opMore, []byte("x"))},
		{name: "the end of nothing after a message", send: join(fragments("a", "b"), masked(fin|opMore, nil)), texts: []string{"ab"}},
		{name: "a message within a message", send: join(masked(opText, []byte("a")), says("b"))},
		{name: "a fragment that begins within a message", send: join(masked(opText, []byte("a")), masked(opText, []byte("b")))},
		{name: "125 in 16 bits", send: with([]byte{fin | opText, 0x80 | 126, 0, 125, 0, 0, 0, 0}, strings.Repeat("x", 125))},
		{name: "65535 in 64 bits", send: with([]byte{fin | opText, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0}, "x")},
		{name: "2^63 bytes", send: headOf(fin|opText, 1<<63)},
		{name: "2^64-1 bytes", send: headOf(fin|opText, 1<<64-1)},
		{name: "half a code", send: masked(fin|opClose, []byte{3})},
	}
	for rsv := byte(0x10); rsv <= 0x40; rsv <<= 1 {
		all = append(all, talk{name: fmt.Sprintf("text with the bit %x", rsv), send: masked(fin|rsv|opText, []byte("x"))},
			talk{name: fmt.Sprintf("a ping with the bit %x", rsv), send: masked(fin|rsv|opPing, nil)},
			talk{name: fmt.Sprintf("a last fragment with the bit %x", rsv), send: join(masked(opText, nil), masked(fin|rsv|opMore, nil))})
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf} {
		all = append(all, talk{name: fmt.Sprintf("opcode %x", op), send: masked(fin|op, nil)},
			talk{name: fmt.Sprintf("opcode %x within a message", op), send: join(masked(opText, nil), masked(fin|op, nil))})
	}
	for i := range all {
		all[i].code, all[i].fault = ProtocolError, true
	}
	return all
}

// excessive are talks that are too much, or not spoken here.
func excessive() []talk {
	return []talk{
		{name: "65537 bytes", send: headOf(fin|opText, 1<<16+1), code: TooBig, fault: true},
		{name: "2^63-1 bytes", send: headOf(fin|opText, 1<<63-1), code: TooBig, fault: true},
		{name: "65537 bytes in fragments", send: join(masked(opText, make([]byte, 1<<15)), masked(opMore, make([]byte, 1<<15)), masked(fin|opMore, []byte{0})), code: TooBig, fault: true},
		{name: "33 fragments", send: fragments(strings.Split(strings.Repeat("x,", 32)+"x", ",")...), code: TooBig, fault: true},
		{name: "fragments without an end", send: join(masked(opText, nil), bytes.Repeat(masked(opMore, nil), 100)), code: TooBig, fault: true},
		{name: "binary", send: masked(fin|opData, []byte("x")), code: Misused, fault: true},
		{name: "the begin of binary", send: masked(opData, nil), code: Misused, fault: true},
	}
}

// misspelt are texts that are not UTF-8.
func misspelt() []talk {
	var all []talk
	for _, bad := range []string{
		"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", // nothing begins so, and overlong
		"\xed\xa0\x80", "\xed\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xfe", "\xff", // surrogates, beyond the last, never
		"\xc3\x28", "\xe2\x82\x28", "\xf0\x9f\x98\x28", "\xc3\xc3\xa4", // cut by something else
	} {
		all = append(all, talk{name: fmt.Sprintf("%x", bad), send: says("ok " + bad + " ok")},
			// What is wrong is found when it comes: the rest of the message never does.
			talk{name: fmt.Sprintf("%x before the end", bad), send: append(headOf(fin|opText, 60000), xor([]byte(bad))...)},
			talk{name: fmt.Sprintf("%x before the last fragment", bad), send: masked(opText, []byte(bad))})
		if len(bad) > 1 {
			all = append(all, talk{name: fmt.Sprintf("%x in two fragments", bad), send: fragments("ok"+bad[:1], bad[1:]+"ok")})
		}
	}
	for _, cut := range []string{"\xc3", "\xe2\x82", "\xf0\x9f\x98"} {
		all = append(all, talk{name: fmt.Sprintf("%x and the end", cut), send: says("ok " + cut)},
			talk{name: fmt.Sprintf("%x and an empty last fragment", cut), send: fragments("ok"+cut, "")})
	}
	all = append(all, talk{name: "a reason", send: closes(Normal, "\xff")}, talk{name: "a reason that is cut", send: closes(Normal, "\xe2\x82")})
	for i := range all {
		all[i].code, all[i].fault = BadText, true
	}
	return all
}

// farewells are close frames.
func farewells() []talk {
	all := []talk{
		{name: "no code", send: masked(fin|opClose, nil), code: NoStatus},
		{name: "the longest reason", send: closes(GoingAway, strings.Repeat("x", 123)), code: GoingAway},
		{name: "within a message", send: join(masked(opText, []byte("x")), closes(GoingAway, "")), code: GoingAway},
		{name: "talk after it", send: join(closes(GoingAway, ""), says("x"), []byte("\xff\xff\xff\xff")), code: GoingAway},
	}
	for _, code := range []Code{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		all = append(all, talk{name: fmt.Sprint(code), send: closes(code, "so"), code: code})
	}
	for _, code := range []Code{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		all = append(all, talk{name: fmt.Sprint(code), send: closes(code, "so"), code: ProtocolError, fault: true})
	}
	return all
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, group := range []struct {
		name  string
		talks []talk
	}{{"well-formed", wellFormed()}, {"malformed", malformed()}, {"excessive", excessive()}, {"misspelt", misspelt()}, {"farewells", farewells()}} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			r := serve(t, nil)
			for _, c := range group.talks {
				r.holds(t, c.name, c, len(c.send))
				r.holds(t, c.name+", in pieces of 1000 bytes", c, 1000)
				if len(c.send) < 600 {
					r.holds(t, c.name+", byte by byte", c, 1)
				}
			}
		})
	}
}

// holds sends a talk in pieces and looks at what comes of it.
func (r *rig) holds(t *testing.T, name string, c talk, piece int) {
	t.Helper()
	peer, _ := r.open(t)
	for rest := c.send; len(rest) > 0; {
		n := min(piece, len(rest))
		peer.utter(rest[:n])
		rest = rest[n:]
	}
	for _, pong := range c.pongs {
		peer.hears(opPong, pong)
	}
	peer.hearsClose(c.code)
	_ = peer.Close()
	end := await(t, r.ended)
	if end.code != c.code || c.fault != (end.err != nil) {
		t.Errorf("%s: ended with %d, %v, want %d", name, end.code, end.err, c.code)
	}
	for _, want := range c.texts {
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
