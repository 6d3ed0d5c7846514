package socket

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// Frame is one frame as it goes over the wire, made once and shared by all the
// sockets that it is offered to. The zero Frame is nothing at all.
type Frame struct{ wire []byte }

// Text is one text message of these lines, joined by newlines. The lines are
// copied. That they are UTF-8 is the caller's part.
func Text(lines ...[]byte) Frame {
	return compile(ws.OpText, lines...)
}

// Len is the number of bytes on the wire.
func (f Frame) Len() int { return len(f.wire) }

func compile(op ws.OpCode, lines ...[]byte) Frame {
	size := max(len(lines)-1, 0)
	for _, line := range lines {
		size += len(line)
	}
	wire := make([]byte, 0, ws.MaxHeaderSize+size)
	wire = append(wire, 0x80|byte(op)) // whole, and not masked: a server's
	switch {
	case size < 126:
		wire = append(wire, byte(size))
	case size < 1<<16:
		wire = binary.BigEndian.AppendUint16(append(wire, 126), uint16(size))
	default:
		wire = binary.BigEndian.AppendUint64(append(wire, 127), uint64(size))
	}
	for i, line := range lines {
		if i > 0 {
			wire = append(wire, '\n')
		}
		wire = append(wire, line...)
	}
	return Frame{wire: wire}
}

// closing is a close frame; nothing for a code that is not to be sent. A
// reason that is too long is cut at a character.
func closing(code Code, reason string) Frame {
	switch {
	case code == NoStatus:
		return compile(ws.OpClose)
	case !code.onWire():
		return Frame{}
	}
	const most = ws.MaxControlFramePayloadSize - 2
	if len(reason) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(reason[cut]) {
			cut--
		}
		reason = reason[:cut]
	}
	payload := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(reason)), uint16(code))
	return compile(ws.OpClose, append(payload, reason...))
}

// pong answers a ping. The payload is copied.
func pong(payload []byte) Frame { return compile(ws.OpPong, payload) }
