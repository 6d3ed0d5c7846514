package socket

import (
	"encoding/binary"

	"github.com/gobwas/ws"
)

// header reads a frame's header from the bytes that have come so far. size is
// how many of them it is; 0 means that some are still to come.
func header(b []byte) (h ws.Header, size int, err error) {
	if len(b) < 2 {
		return h, 0, nil
	}
	h.Fin, h.Rsv, h.OpCode = b[0]&0x80 != 0, b[0]>>4&0x07, ws.OpCode(b[0]&0x0f)
	h.Masked = b[1]&0x80 != 0
	short := b[1] & 0x7f
	size = 2
	switch short {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	at := size
	if h.Masked {
		size += len(h.Mask)
	}
	if len(b) < size {
		return h, 0, nil
	}
	length := uint64(short)
	switch short {
	case 126:
		if length = uint64(binary.BigEndian.Uint16(b[2:])); length < 126 {
			return h, size, violation(ProtocolError, "a length of %d in 2 bytes more than it needs", length)
		}
	case 127:
		length = binary.BigEndian.Uint64(b[2:])
		if length < 1<<16 || length > 1<<63-1 {
			return h, size, violation(ProtocolError, "a length of %d in 8 bytes", length)
		}
	}
	h.Length = int64(length)
	copy(h.Mask[:], b[at:size])
	return h, size, nil
}
