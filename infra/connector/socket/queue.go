package socket

const (
	// What one system call is given.
	pourFrames = 64
	pourBytes  = 64 << 10
)

// backlog is what waits for one peer: references to frames, in order.
type backlog struct {
	frames  [][]byte
	bytes   int
	begun   bool // the first is the rest of a frame whose begin is written
	refused bool // something was, since it began
	chunks  [][]byte
}

func (b *backlog) empty() bool { return len(b.frames) == 0 }

func (b *backlog) push(wire []byte) {
	b.frames = append(b.frames, wire)
	b.bytes += len(wire)
}

// admit says what is to become of a frame that would join: Queued, Refused, or
// Gone for one that matters and has no room.
func (b *backlog) admit(size int, c Class, most *Settings) Taken {
	frames, bytes := len(b.frames), b.bytes
	full := frames+1 > most.QueueFrames || bytes+size > most.QueueBytes
	// from reports whether so many quarters are in use.
	from := func(quarters int) bool {
		return 4*frames >= quarters*most.QueueFrames || 4*bytes >= quarters*most.QueueBytes
	}
	switch {
	case c == Ephemeral && (full || from(2)):
		return Refused
	case (c == Live || c == Notice) && (full || from(3)):
		return Refused
	case full:
		return Gone
	}
	return Queued
}

// next is what one call writes: at most 64 frames, at most 64 KiB unless the
// first alone is more. It is valid until the backlog changes.
func (b *backlog) next() [][]byte {
	b.chunks = b.chunks[:0]
	size := 0
	for _, wire := range b.frames {
		if size += len(wire); len(b.chunks) == pourFrames || len(b.chunks) > 0 && size > pourBytes {
			break
		}
		b.chunks = append(b.chunks, wire)
	}
	return b.chunks
}

// advance takes away n bytes that are written.
func (b *backlog) advance(n int) {
	b.bytes -= n
	for n > 0 {
		first := b.frames[0]
		if n < len(first) {
			b.frames[0] = first[n:]
			b.begun = true
			return
		}
		n -= len(first)
		b.frames[0] = nil
		b.frames = b.frames[1:]
		b.begun = false
	}
}

// cut drops what can be dropped: all but the rest of a frame that is begun,
// without which the peer would understand nothing more. It says how many bytes.
func (b *backlog) cut() int {
	keep := 0
	if b.begun {
		keep = 1
	}
	dropped := 0
	for i := keep; i < len(b.frames); i++ {
		dropped += len(b.frames[i])
		b.frames[i] = nil
	}
	b.frames = b.frames[:keep]
	b.bytes -= dropped
	return dropped
}

// clear drops all, and says how many bytes.
func (b *backlog) clear() int {
	b.begun = false
	return b.cut()
}
