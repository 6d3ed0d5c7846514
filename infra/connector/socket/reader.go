package socket

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

const (
	// bufferBytes is what is read at once. Buffers are shared: a socket has one
	// only while bytes are there.
	bufferBytes = 4 << 10
	// lingerBytes is how much a peer may still send after its last frame; beyond
	// it the connection is closed under its hands.
	lingerBytes = 256 << 10
)

type buffer [bufferBytes]byte

// reader is the part of a socket that its reading goroutine alone uses.
type reader struct {
	parser parser
	rate   rate
	paced  bool // a read deadline is set for the message that is half received
	// What passes between receive and fill, which the runtime calls.
	fill func(fd uintptr) bool
	in   *buffer
	got  int
	err  error
}

// rate counts what came in one second.
type rate struct {
	second           int64
	frames, controls int
}

// read is the life of a socket from its first byte to its end. ahead came with
// the handshake.
func (s *Socket) read(ahead []byte) {
	err := s.hear(ahead)
	for err == nil {
		err = s.receive(s.hear)
	}
	s.part(err)
}

// receive waits for bytes, and gives them to take.
func (s *Socket) receive(take func([]byte) error) error {
	r := &s.reader
	if err := s.raw.Read(r.fill); err != nil {
		return err
	}
	in := r.in
	r.in = nil
	defer s.server.buffers.Put(in)
	switch {
	case r.err != nil:
		return os.NewSyscallError("read", r.err)
	case r.got == 0:
		return io.EOF
	}
	return take(in[:r.got])
}

// readable is called when bytes may be there. It takes a buffer only then: a
// socket that waits holds none.
func (s *Socket) readable(fd uintptr) bool {
	r := &s.reader
	in, _ := s.server.buffers.Get().(*buffer)
	for {
		r.got, r.err = syscall.Read(int(fd), in[:])
		if r.err != syscall.EINTR {
			break
		}
	}
	if r.err == syscall.EAGAIN {
		s.server.buffers.Put(in)
		return false
	}
	r.in = in
	return true
}

// hear takes bytes of the conversation.
func (s *Socket) hear(b []byte) error {
	p := &s.reader.parser
	before := p.held()
	err := p.feed(b, &s.server.set, s)
	if after := p.held(); after != before && s.server.set.Budget.move(s, after-before) {
		s.server.set.Budget.relieve()
	}
	if err == nil {
		s.pace(p.midway())
	}
	return err
}

// pace bounds the time that a message takes to come. Most are whole when they
// are seen, and cost no deadline.
func (s *Socket) pace(midway bool) {
	r := &s.reader
	if midway == r.paced {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended { // another deadline counts now
		return
	}
	r.paced = midway
	var by time.Time
	if midway {
		by = time.Now().Add(s.server.set.MessageTimeout)
	}
	_ = s.conn.SetReadDeadline(by)
}

// frame notes that one begins, and finds floods.
func (s *Socket) frame(op ws.OpCode) error {
	now := s.server.since()
	s.heard.Store(int64(now))
	r := &s.reader.rate
	if second := int64(now / time.Second); second != r.second {
		*r = rate{second: second}
	}
	r.frames++
	if op.IsControl() {
		r.controls++
	}
	if r.frames > s.server.set.FramesPerSecond || r.controls > s.server.set.ControlsPerSecond {
		return violation(Misused, "a flood: %d frames in a second, %d of them control frames", r.frames, r.controls)
	}
	return nil
}

func (s *Socket) text(message []byte) error {
	s.mu.Lock()
	ended := s.ended
	s.mu.Unlock()
	if !ended { // else the peer speaks on until it has heard our close frame
		s.server.handler.Text(s, message)
	}
	return nil
}

func (s *Socket) control(op ws.OpCode, payload []byte) error {
	switch op {
	case ws.OpPing:
		s.Offer(pong(payload), Control)
	case ws.OpClose:
		return bye(payload)
	}
	return nil
}

// bye reads the payload of a close frame. What it gives is never nil.
func bye(payload []byte) error {
	if len(payload) == 0 {
		return &failure{code: NoStatus, bye: true}
	}
	if len(payload) == 1 {
		return violation(ProtocolError, "a close frame with half a code")
	}
	code := Code(binary.BigEndian.Uint16(payload))
	if !code.onWire() {
		return violation(ProtocolError, "a close frame with code %d", code)
	}
	if !utf8.Valid(payload[2:]) {
		return violation(BadText, "a close frame whose reason is not UTF-8")
	}
	return &failure{code: code, why: string(payload[2:]), bye: true}
}

// part ends a socket whose reading has ended with err, and says so.
func (s *Socket) part(err error) {
	if s.last(err) {
		s.finish()
		s.linger()
	}
	_ = s.conn.Close()
	s.flushes.Wait() // what was still queued went with the connection
	s.mu.Lock()
	code, cause := s.code, s.cause
	s.mu.Unlock()
	s.server.set.Budget.move(s, -s.reader.parser.held())
	s.server.handler.Ended(s, code, cause)
	s.server.open.leave()
}

// last sends our close frame, if it is still to be sent, and reports whether the
// peer can be expected to read it.
func (s *Socket) last(err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	var f *failure
	switch {
	case errors.As(err, &f) && f.bye:
		// Answered with the same code; or it is the answer to ours.
		s.shut(f.code, nil, closing(f.code, ""), false)
	case errors.As(err, &f):
		s.shut(f.code, f, closing(f.code, f.why), true)
	case errors.Is(err, os.ErrDeadlineExceeded):
		why := violation(Misused, "a message took longer than %v", s.server.set.MessageTimeout)
		return s.shut(Misused, why, closing(Misused, why.Error()), true) // else it is our own time that is over
	default:
		s.shut(Abnormal, err, Frame{}, true)
		return false
	}
	return true
}

// linger reads what the peer still sends until it closes or its time is over:
// closing over unread bytes would reset the connection, and our close frame with it.
func (s *Socket) linger() {
	s.mu.Lock()
	_ = s.conn.SetReadDeadline(s.by)
	s.mu.Unlock()
	left := lingerBytes
	for left > 0 {
		if err := s.receive(func(b []byte) error { left -= len(b); return nil }); err != nil {
			return
		}
	}
}
