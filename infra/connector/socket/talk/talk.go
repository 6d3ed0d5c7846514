package talk

import (
	"bytes"
	"fmt"
	"strings"
)

// The codes that the talks end with. misused is the server's own, beyond the RFC.
const (
	normal        = 1000
	goingAway     = 1001
	protocolError = 1002
	noStatus      = 1005
	badText       = 1007
	tooBig        = 1009
	misused       = 4205
)

// Talk is what a client sends and what must come of it: the messages that are
// handed on, the answers to pings, and the code with which it ends.
type Talk struct {
	Name  string
	Send  []byte
	Bye   []byte // behind it: the client's close frame, where the server ends nothing
	Texts []string
	Pongs []string
	Code  uint16
	Fault bool // the code is the server's verdict, not the client's word
}

// WellFormed are talks that end because the client says so.
func WellFormed() []Talk {
	long := func(n int) string { return strings.Repeat("ä", n/2) + strings.Repeat("z", n%2) }
	ping := Masked(Fin|Ping, []byte("are you"))
	all := []Talk{
		{Name: "an empty message", Send: Says(""), Texts: []string{""}},
		{Name: "three at once", Send: Join(Says("a"), Says("b"), Says("c")), Texts: []string{"a", "b", "c"}},
		{Name: "two fragments", Send: Fragments("Hel", "lo"), Texts: []string{"Hello"}},
		{Name: "fragments of nothing", Send: Fragments("", "", "x", "", ""), Texts: []string{"x"}},
		{Name: "nothing in fragments", Send: Fragments("", "", ""), Texts: []string{""}},
		{Name: "32 fragments", Send: Fragments(strings.Split(strings.Repeat("x,", 31)+"x", ",")...), Texts: []string{strings.Repeat("x", 32)}},
		{Name: "a character in four fragments", Send: Fragments("\xf0", "\x9f", "\x98", "\x80"), Texts: []string{"😀"}},
		{Name: "a ping", Send: Join(ping, Says("x")), Texts: []string{"x"}, Pongs: []string{"are you"}},
		{Name: "an empty ping", Send: Masked(Fin|Ping, nil), Pongs: []string{""}},
		{Name: "a ping of 125 bytes", Send: Masked(Fin|Ping, bytes.Repeat([]byte{0xff}, 125)), Pongs: []string{strings.Repeat("\xff", 125)}},
		{Name: "pings between fragments", Send: Join(Masked(Text, []byte("a\xc3")), ping, Masked(More, []byte("\xa4")), ping, Masked(Fin|More, []byte("b"))),
			Texts: []string{"aäb"}, Pongs: []string{"are you", "are you"}},
		{Name: "a pong that nobody asked for", Send: Join(Masked(Fin|Pong, []byte("well")), Says("x")), Texts: []string{"x"}},
		{Name: "fragments of 64 KiB together", Send: Fragments(long(1<<15), long(1<<15)), Texts: []string{long(1<<15) + long(1<<15)}},
	}
	for _, n := range []int{1, 124, 125, 126, 127, 4081, 4082, 4083, 8192, 65534, 65535, 65536} {
		all = append(all, Talk{Name: fmt.Sprintf("a message of %d bytes", n), Send: Says(long(n)), Texts: []string{long(n)}})
	}
	for i := range all {
		all[i].Bye, all[i].Code = Closes(normal, "done"), normal
	}
	return all
}

// Malformed are talks that RFC 6455 forbids.
func Malformed() []Talk {
	with := func(head []byte, payload string) []byte { return append(head, payload...) }
	all := []Talk{
		{Name: "text without a mask", Send: []byte{Fin | Text, 1, 'x'}},
		{Name: "a ping without a mask", Send: []byte{Fin | Ping, 0}},
		{Name: "a close without a mask", Send: []byte{Fin | Close, 2, 3, 0xe8}},
		{Name: "a fragmented ping", Send: Masked(Ping, []byte("x"))},
		{Name: "a fragmented close", Send: Masked(Close, []byte{3, 0xe8})},
		{Name: "a ping of 126 bytes", Send: Masked(Fin|Ping, make([]byte, 126))},
		{Name: "a close of 126 bytes", Send: Closes(normal, strings.Repeat("x", 124))},
		{Name: "the end of nothing", Send: Masked(Fin|More, []byte("x"))},
		{Name: "the middle of nothing", Send: Masked(More, []byte("x"))},
		{Name: "the end of nothing after a message", Send: Join(Fragments("a", "b"), Masked(Fin|More, nil)), Texts: []string{"ab"}},
		{Name: "a message within a message", Send: Join(Masked(Text, []byte("a")), Says("b"))},
		{Name: "a fragment that begins within a message", Send: Join(Masked(Text, []byte("a")), Masked(Text, []byte("b")))},
		{Name: "125 in 16 bits", Send: with([]byte{Fin | Text, 0x80 | 126, 0, 125, 0, 0, 0, 0}, strings.Repeat("x", 125))},
		{Name: "65535 in 64 bits", Send: with([]byte{Fin | Text, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0}, "x")},
		{Name: "2^63 bytes", Send: HeadOf(Fin|Text, 1<<63)},
		{Name: "2^64-1 bytes", Send: HeadOf(Fin|Text, 1<<64-1)},
		{Name: "half a code", Send: Masked(Fin|Close, []byte{3})},
	}
	for rsv := byte(0x10); rsv <= 0x40; rsv <<= 1 {
		all = append(all, Talk{Name: fmt.Sprintf("text with the bit %x", rsv), Send: Masked(Fin|rsv|Text, []byte("x"))},
			Talk{Name: fmt.Sprintf("a ping with the bit %x", rsv), Send: Masked(Fin|rsv|Ping, nil)},
			Talk{Name: fmt.Sprintf("a last fragment with the bit %x", rsv), Send: Join(Masked(Text, nil), Masked(Fin|rsv|More, nil))})
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf} {
		all = append(all, Talk{Name: fmt.Sprintf("opcode %x", op), Send: Masked(Fin|op, nil)},
			Talk{Name: fmt.Sprintf("opcode %x within a message", op), Send: Join(Masked(Text, nil), Masked(Fin|op, nil))})
	}
	for i := range all {
		all[i].Code, all[i].Fault = protocolError, true
	}
	return all
}

// Excessive are talks that are too much, or not spoken here.
func Excessive() []Talk {
	return []Talk{
		{Name: "65537 bytes", Send: HeadOf(Fin|Text, 1<<16+1), Code: tooBig, Fault: true},
		{Name: "2^63-1 bytes", Send: HeadOf(Fin|Text, 1<<63-1), Code: tooBig, Fault: true},
		{Name: "65537 bytes in fragments", Send: Join(Masked(Text, make([]byte, 1<<15)), Masked(More, make([]byte, 1<<15)), Masked(Fin|More, []byte{0})), Code: tooBig, Fault: true},
		{Name: "33 fragments", Send: Fragments(strings.Split(strings.Repeat("x,", 32)+"x", ",")...), Code: tooBig, Fault: true},
		{Name: "fragments without an end", Send: Join(Masked(Text, nil), bytes.Repeat(Masked(More, nil), 100)), Code: tooBig, Fault: true},
		{Name: "binary", Send: Masked(Fin|Data, []byte("x")), Code: misused, Fault: true},
		{Name: "the begin of binary", Send: Masked(Data, nil), Code: misused, Fault: true},
	}
}

// Misspelt are texts that are not UTF-8.
func Misspelt() []Talk {
	var all []Talk
	for _, bad := range []string{
		"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", // nothing begins so, and overlong
		"\xed\xa0\x80", "\xed\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xfe", "\xff", // surrogates, beyond the last, never
		"\xc3\x28", "\xe2\x82\x28", "\xf0\x9f\x98\x28", "\xc3\xc3\xa4", // cut by something else
	} {
		all = append(all, Talk{Name: fmt.Sprintf("%x", bad), Send: Says("ok " + bad + " ok")},
			// What is wrong is found when it comes: the rest of the message never does.
			Talk{Name: fmt.Sprintf("%x before the end", bad), Send: append(HeadOf(Fin|Text, 60000), Mask([]byte(bad))...)},
			Talk{Name: fmt.Sprintf("%x before the last fragment", bad), Send: Masked(Text, []byte(bad))})
		if len(bad) > 1 {
			all = append(all, Talk{Name: fmt.Sprintf("%x in two fragments", bad), Send: Fragments("ok"+bad[:1], bad[1:]+"ok")})
		}
	}
	for _, cut := range []string{"\xc3", "\xe2\x82", "\xf0\x9f\x98"} {
		all = append(all, Talk{Name: fmt.Sprintf("%x and the end", cut), Send: Says("ok " + cut)},
			Talk{Name: fmt.Sprintf("%x and an empty last fragment", cut), Send: Fragments("ok"+cut, "")})
	}
	all = append(all, Talk{Name: "a reason", Send: Closes(normal, "\xff")}, Talk{Name: "a reason that is cut", Send: Closes(normal, "\xe2\x82")})
	for i := range all {
		all[i].Code, all[i].Fault = badText, true
	}
	return all
}

// Farewells are close frames.
func Farewells() []Talk {
	all := []Talk{
		{Name: "no code", Send: Masked(Fin|Close, nil), Code: noStatus},
		{Name: "the longest reason", Send: Closes(goingAway, strings.Repeat("x", 123)), Code: goingAway},
		{Name: "within a message", Send: Join(Masked(Text, []byte("x")), Closes(goingAway, "")), Code: goingAway},
		{Name: "talk after it", Send: Join(Closes(goingAway, ""), Says("x"), []byte("\xff\xff\xff\xff")), Code: goingAway},
	}
	for _, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		all = append(all, Talk{Name: fmt.Sprint(code), Send: Closes(code, "so"), Code: code})
	}
	for _, code := range []uint16{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		all = append(all, Talk{Name: fmt.Sprint(code), Send: Closes(code, "so"), Code: protocolError, Fault: true})
	}
	return all
}

// All are all talks, by what is odd about them.
func All() map[string][]Talk {
	return map[string][]Talk{"well-formed": WellFormed(), "malformed": Malformed(), "excessive": Excessive(), "misspelt": Misspelt(), "farewells": Farewells()}
}
