package audience

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// The opcodes of RFC 6455 that a server of ours uses.
const (
	opText  = 1
	opClose = 8
	opPing  = 9
)

// mask is what a client's bytes are masked with. It keeps nothing secret: the
// server has the work of taking it off, and that is all that is wanted of it.
var mask = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// appendFrame adds a whole masked frame.
func appendFrame(b []byte, op byte, payload []byte) []byte {
	b = append(b, 0x80|op)
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	b = append(b, mask[:]...)
	at := len(b)
	b = append(b, payload...)
	for i := range payload {
		b[at+i] ^= mask[i&3]
	}
	return b
}

// nextFrame takes a whole frame of a server off b; n is 0 where more must come.
func nextFrame(b []byte) (op byte, payload []byte, n int, err error) {
	if len(b) < 2 {
		return 0, nil, 0, nil
	}
	if b[0]&0xf0 != 0x80 || b[1]&0x80 != 0 {
		return 0, nil, 0, fmt.Errorf("a frame begins with %#x: in parts, reserved or masked", b[:2])
	}
	head, length := 2, uint64(b[1])
	switch {
	case length == 126 && len(b) >= 4:
		head, length = 4, uint64(binary.BigEndian.Uint16(b[2:]))
	case length == 127 && len(b) >= 10:
		head, length = 10, binary.BigEndian.Uint64(b[2:])
	case length >= 126:
		return 0, nil, 0, nil
	}
	if length > 1<<24 {
		return 0, nil, 0, fmt.Errorf("a frame of %d bytes", length)
	}
	end := head + int(length)
	if len(b) < end {
		return 0, nil, 0, nil
	}
	return b[0] & 0x0f, b[head:end], end, nil
}

// field is the text of a string field of a line, without its escapes.
func field(line []byte, name string) []byte {
	_, rest, found := bytes.Cut(line, []byte(`"`+name+`":"`))
	if !found {
		return nil
	}
	value, _, _ := bytes.Cut(rest, []byte{'"'})
	return value
}

// number is the value of the first integer field of that name, 0 without one.
func number(line []byte, name string) (n int64) {
	_, rest, _ := bytes.Cut(line, []byte(`"`+name+`":`))
	for _, c := range rest {
		if c < '0' || c > '9' {
			break
		}
		n = n*10 + int64(c-'0')
	}
	return n
}
