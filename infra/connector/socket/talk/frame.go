// Package talk is what a client of RFC 6455 can say, byte by byte, with no library
// between, and what must come of it. It is for tests: of package socket, and of
// whatever is made of it.
package talk

import (
	"bytes"
	"encoding/binary"
)

// The opcodes, as a client writes them.
const (
	More  = 0x0
	Text  = 0x1
	Data  = 0x2
	Close = 0x8
	Ping  = 0x9
	Pong  = 0xa
	Fin   = 0x80
)

// Masked is a frame of a client: first is its first byte.
func Masked(first byte, payload []byte) []byte {
	return append(HeadOf(first, uint64(len(payload))), Mask(payload)...)
}

// Says is a whole text message.
func Says(text string) []byte { return Masked(Fin|Text, []byte(text)) }

// Closes is a close frame.
func Closes(code uint16, reason string) []byte {
	return Masked(Fin|Close, append(binary.BigEndian.AppendUint16(nil, code), reason...))
}

// Key is what every frame is masked with.
const Key = "\x37\xfa\x21\x3d"

// HeadOf is the header of a masked frame with the shortest form of its length.
func HeadOf(first byte, length uint64) []byte {
	b := []byte{first, 0x80}
	switch {
	case length < 126:
		b[1] |= byte(length)
	case length < 1<<16:
		b[1] |= 126
		b = binary.BigEndian.AppendUint16(b, uint16(length))
	default:
		b[1] |= 127
		b = binary.BigEndian.AppendUint64(b, length)
	}
	return append(b, Key...)
}

// Mask puts the mask on a payload, or takes it off.
func Mask(payload []byte) []byte {
	b := bytes.Clone(payload)
	for i := range b {
		b[i] ^= Key[i%4]
	}
	return b
}

// Join puts frames behind one another.
func Join(frames ...[]byte) []byte { return bytes.Join(frames, nil) }

// Fragments is a message in pieces.
func Fragments(parts ...string) []byte {
	var b []byte
	for i, part := range parts {
		first := byte(More)
		if i == 0 {
			first = Text
		}
		if i == len(parts)-1 {
			first |= Fin
		}
		b = append(b, Masked(first, []byte(part))...)
	}
	return b
}
