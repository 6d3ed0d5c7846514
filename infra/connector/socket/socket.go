// Package socket is one WebSocket, many times: it accepts connections, shakes
// hands, reads messages and writes frames. It knows RFC 6455 and nothing of what
// is said over it: tokens, users, rooms and JSON are the handler's.
//
// Text only, no extensions, no TLS (which ends in front of it). An idle socket
// costs a goroutine that waits and a few hundred bytes; no buffer, no timer. No
// writer ever waits for a peer: what a peer does not take is queued, within
// bounds, then refused, and a peer that takes nothing is cut off.
package socket

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Handler is told what happens to sockets. For one socket: Opened, then Text
// for every message in the order in which they came, then Ended, never at the
// same time. Drained may come at any time between Opened and Ended.
type Handler interface {
	// Opened comes after the handshake and before anything is read. It may take
	// its time, within what the peer waits for, and is where Tag belongs.
	Opened(s *Socket)
	// Text takes a message: whole, UTF-8, at most MaxMessage bytes, valid until
	// Text returns. It runs on the socket's only reader and on its small stack:
	// whatever takes time or calls deep belongs to somebody else.
	Text(s *Socket, message []byte)
	// Drained comes when all that was queued is written and something had been
	// Refused meanwhile. It may come before that Offer has returned: whoever
	// notes what was refused must hear of Drained on the goroutine that offers.
	Drained(s *Socket)
	// Ended is the last word: why, and for Abnormal and our own verdicts what
	// was met. The connection is closed and no goroutine of it is left but the
	// one that calls.
	Ended(s *Socket, code Code, err error)
}

// Socket is one open WebSocket. All its methods may be called by several
// goroutines at once, and none of them waits for the peer.
type Socket struct {
	server *Server
	conn   *net.TCPConn
	raw    syscall.RawConn
	serial uint64
	tag    any
	heard  atomic.Int64 // when a frame last began, since the server's epoch
	held   atomic.Int64 // bytes that the budget counts
	reader reader
	sender sender

	mu       sync.Mutex
	backlog  *backlog // what waits to be written, with its flusher; nil when nothing does
	ended    bool     // no frame more is taken: the close frame is on its way, or cannot be
	heardAll bool     // nothing more is listened to: FIN behind what waits
	code     Code     // why, once ended
	cause    error
	by       time.Time      // when the connection is closed, whatever is still open, once ended
	flushes  sync.WaitGroup // flushers, one at a time but for the end of the one before
}

// Serial is the socket's number: from 1, and never twice from one Server.
func (s *Socket) Serial() uint64 { return s.serial }

// Remote is the address of the peer, or of the proxy in front of us.
func (s *Socket) Remote() netip.AddrPort {
	if a, ok := s.conn.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort()
	}
	return netip.AddrPort{}
}

// LastHeard is when a frame last began to come, any frame; at first when the
// socket was opened. It goes by the monotonic clock.
func (s *Socket) LastHeard() time.Time {
	return s.server.epoch.Add(time.Duration(s.heard.Load()))
}

// Tag keeps what the handler knows of the socket. Only in Opened: it is read
// without a lock.
func (s *Socket) Tag(v any) { s.tag = v }

// Tagged gives what Tag has kept.
func (s *Socket) Tagged() any { return s.tag }

// Close ends the conversation: what is queued, then a close frame, then as long
// as CloseTimeout for the peer's, then the connection. From here on every Offer
// is Gone and no Text comes. Once more it does nothing: the first code counts. A
// code that may not be sent (1005, 1006) closes without one. A reason is cut at
// 123 bytes.
func (s *Socket) Close(code Code, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut(code, nil, closing(code, reason), false)
}

// shut begins the end, with s.mu held, unless it has begun: from here on it is
// only a matter of time. drop takes away what is queued and can still be, so
// that the close frame is the next.
func (s *Socket) shut(code Code, cause error, last Frame, drop bool) bool {
	if s.ended {
		return false
	}
	s.ended, s.code, s.cause = true, code, cause
	s.by = time.Now().Add(s.server.set.CloseTimeout)
	if drop && s.backlog != nil {
		s.server.set.Budget.move(s, -s.backlog.cut())
	}
	if last.Len() > 0 {
		s.send(last.wire)
	} else {
		s.by = time.Now()
	}
	// The reader is who ends it all; this is how it is told when.
	_ = s.conn.SetReadDeadline(s.by)
	return true
}

// broken ends a socket, with s.mu held, whose connection cannot be written to.
func (s *Socket) broken(err error) {
	s.shut(Abnormal, err, Frame{}, true)
	if s.backlog != nil {
		s.server.set.Budget.move(s, -s.backlog.clear())
	}
	_ = s.conn.SetReadDeadline(time.Now())
}

// evict cuts the socket off at once: its memory is needed.
func (s *Socket) evict() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut(TooSlow, errBudget, closing(TooSlow, errBudget.Error()), true)
	_ = s.conn.SetReadDeadline(time.Now())
}

// finish says, once nothing more is to be heard, that nothing more will be said:
// at once, or behind what is queued.
func (s *Socket) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heardAll = true
	if s.backlog == nil {
		_ = s.conn.CloseWrite()
	}
}
