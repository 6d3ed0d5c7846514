package socket

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Class says how much a frame matters when a peer is slow.
type Class uint8

// The classes. Live is what people wait for, Notice what can be asked for again,
// Ephemeral what is worth nothing later.
const (
	Control Class = iota
	Answer
	Live
	Notice
	Ephemeral
)

// Taken says what became of a frame that was offered.
type Taken uint8

// What becomes of a frame.
const (
	Written Taken = iota // the kernel has it, which does not mean the peer
	Queued               // it goes behind what was queued before, unless the socket ends first
	Refused              // it does not go: too much waits already. Drained tells when that is over
	Gone                 // the socket has ended, or ends with this
)

// triesPerTimeout is how often within WriteTimeout it is tried whether the kernel
// takes anything. By itself it tells only when much of its room is free again,
// which takes a peer that reads little longer than it has.
const triesPerTimeout = 4

var (
	errFull   = errors.New("the queue is full")
	errStuck  = errors.New("nothing was taken for too long")
	errBudget = errors.New("what waits for all peers is too much, and most waits for this one")
)

// sender is what passes between send and writable, which the runtime calls.
type sender struct {
	try func(fd uintptr) bool
	out []byte
	n   int
	err error
}

// Offer writes a frame, or queues it when the peer is slow. It never waits.
// Frames that are taken go in the order of the calls. Ephemeral ones are Refused
// from half of a queue's room, Live and Notice from three quarters; a socket
// whose queue has no room for the others is cut off with TooSlow. A frame is
// always taken when nothing waits, whatever its size.
func (s *Socket) Offer(f Frame, c Class) Taken {
	s.mu.Lock()
	taken, over := s.offer(f, c)
	s.mu.Unlock()
	if over {
		s.server.set.Budget.relieve()
	}
	return taken
}

func (s *Socket) offer(f Frame, c Class) (t Taken, over bool) {
	if s.ended {
		return Gone, false
	}
	if s.backlog == nil {
		return s.send(f.wire)
	}
	switch s.backlog.admit(f.Len(), c, &s.server.set) {
	case Refused:
		s.backlog.refused = true
		return Refused, false
	case Gone:
		s.shut(TooSlow, errFull, closing(TooSlow, errFull.Error()), true)
		return Gone, false
	}
	return s.send(f.wire)
}

// send writes what it can and queues the rest, with s.mu held.
func (s *Socket) send(wire []byte) (t Taken, over bool) {
	if s.backlog != nil {
		s.backlog.push(wire)
		return Queued, s.server.set.Budget.move(s, len(wire))
	}
	w := &s.sender
	w.out = wire
	err := s.raw.Write(w.try)
	w.out = nil
	if err == nil && w.err != syscall.EAGAIN {
		err = w.err
	}
	switch {
	case err != nil:
		s.broken(os.NewSyscallError("write", err))
		return Gone, false
	case w.n == len(wire):
		return Written, false
	}
	s.backlog = &backlog{}
	s.backlog.push(wire[w.n:])
	s.backlog.begun = w.n > 0
	s.flushes.Add(1)
	go s.flush(s.backlog)
	return Queued, s.server.set.Budget.move(s, len(wire)-w.n)
}

// writable tries once; true says that it does not want to be called again.
func (s *Socket) writable(fd uintptr) bool {
	w := &s.sender
	w.n, w.err = written(syscall.Write(int(fd), w.out))
	for w.err == syscall.EINTR {
		w.n, w.err = written(syscall.Write(int(fd), w.out))
	}
	return true
}

// written hides the -1 that comes with an error.
func written(n int, err error) (int, error) { return max(n, 0), err }

// flush writes a backlog until nothing waits. It is a goroutine that lives only
// as long as that takes.
func (s *Socket) flush(b *backlog) {
	defer s.flushes.Done()
	last := time.Now() // when something was written
	for {
		s.mu.Lock()
		if b.empty() {
			s.flushed(b)
			return
		}
		s.mu.Unlock()
		_ = s.conn.SetWriteDeadline(time.Now().Add(s.server.set.WriteTimeout / triesPerTimeout))
		var met error
		err := s.raw.Write(func(fd uintptr) (done bool) {
			done, met = s.pour(fd, b)
			return done
		})
		if err == nil {
			err = met
		}
		switch {
		case err == nil:
			last = time.Now()
		case errors.Is(err, os.ErrDeadlineExceeded) && time.Since(last) < s.server.set.WriteTimeout:
		case !s.stuck(b, err):
			return
		}
	}
}

// pour writes as much as goes at once. The lock is held over a call that does
// not wait: what is taken from the queue must be what was written.
func (s *Socket) pour(fd uintptr, b *backlog) (done bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	chunks := b.next()
	if len(chunks) == 0 {
		return true, nil
	}
	n, err := written(unix.Writev(int(fd), chunks))
	for err == unix.EINTR {
		n, err = written(unix.Writev(int(fd), chunks))
	}
	if err == unix.EAGAIN {
		return false, nil
	}
	b.advance(n)
	s.server.set.Budget.move(s, -n)
	return true, err
}

// flushed ends a backlog. It is called with s.mu held, and gives it back.
func (s *Socket) flushed(b *backlog) {
	_ = s.conn.SetWriteDeadline(time.Time{}) // else the next try would find it passed
	s.backlog = nil
	if s.heardAll {
		_ = s.conn.CloseWrite()
	}
	refused := b.refused && !s.ended
	s.mu.Unlock()
	if refused {
		s.server.handler.Drained(s)
	}
}

// stuck looks at why a backlog is not written, and reports whether there is
// reason to go on: to bring a close frame, perhaps.
func (s *Socket) stuck(b *backlog, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(err, os.ErrDeadlineExceeded) && s.shut(TooSlow, errStuck, closing(TooSlow, errStuck.Error()), true) {
		return true
	}
	s.broken(os.NewSyscallError("writev", err))
	s.backlog = nil
	return false
}
