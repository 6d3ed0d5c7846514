package socket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// How long accepting rests after a failure, such as no descriptor being left:
// twice as long each time.
const (
	firstRest = 5 * time.Millisecond
	lastRest  = 500 * time.Millisecond
)

// Server accepts connections and holds the sockets that come of them.
type Server struct {
	set     Settings
	origins origins
	handler Handler
	metrics Metrics
	epoch   time.Time
	serial  atomic.Uint64
	closed  atomic.Bool // nobody is admitted
	lobby   lobby
	open    census
	buffers sync.Pool // of *buffer
}

// New checks the settings. metrics may be nil.
func New(set Settings, h Handler, m Metrics) (*Server, error) {
	set, err := set.filled()
	if err != nil {
		return nil, fmt.Errorf("settings of sockets: %w", err)
	}
	allowed, err := parseOrigins(set.Origins)
	if err != nil {
		return nil, fmt.Errorf("settings of sockets: %w", err)
	}
	if m == nil {
		m = unmeasured{}
	}
	v := &Server{set: set, origins: allowed, handler: h, metrics: m, epoch: time.Now()}
	v.lobby.most = set.MaxHandshakes
	v.buffers.New = func() any { return new(buffer) }
	return v, nil
}

// Serve accepts TCP connections until ctx ends, then closes the listener, gives
// up the handshakes that are under way, and returns nil. The sockets live on:
// see Wait. A failure to accept is told to the metrics, waited out and tried
// again, for ever: a process that has run out of descriptors must serve again
// when it has some. Only a listener that somebody else closes is an error.
func (v *Server) Serve(ctx context.Context, l net.Listener) error {
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	var greeters sync.WaitGroup
	defer greeters.Wait()
	defer v.lobby.clear()
	rest := firstRest
	for {
		c, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = c.Close()
			}
			_ = l.Close()
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accepting connections: %w", err)
		case err != nil:
			v.metrics.AcceptFailed(err)
			wait(ctx, rest)
			rest = min(2*rest, lastRest)
			continue
		}
		rest = firstRest
		tcp, ok := c.(*net.TCPConn)
		if !ok {
			_ = c.Close()
			return fmt.Errorf("accepting connections: %T is none of TCP", c)
		}
		guest := v.lobby.enter(tcp)
		greeters.Go(func() { v.greet(guest) })
	}
}

// Sockets is how many are open.
func (v *Server) Sockets() int { return v.open.count() }

// Admit says whether newcomers are let in, as they are at first. Those who are
// not are answered 503; sockets that are open stay so.
func (v *Server) Admit(yes bool) { v.closed.Store(!yes) }

// Wait returns when no socket is open, Ended having returned for each; or with
// the error of ctx. It is meant for after Serve: before it, one may open the
// moment after.
func (v *Server) Wait(ctx context.Context) error {
	select {
	case <-v.open.empty():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for %d sockets to end: %w", v.open.count(), ctx.Err())
	}
}

func (v *Server) since() time.Duration { return time.Since(v.epoch) }

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// greet shakes hands with one connection and sees it off, or starts its socket.
func (v *Server) greet(g *guest) {
	s, ahead, outcome := v.handshake(g.conn)
	if crowded := v.lobby.leave(g); crowded && (outcome == Opened || outcome == Left) {
		outcome = Crowded
	}
	v.metrics.Handshake(outcome)
	if outcome == Opened {
		v.handler.Opened(s)
		// A goroutine of its own: this one's stack has grown in the handshake.
		go s.read(ahead)
		return
	}
	_ = g.conn.Close()
	if s != nil { // it gave way at the last moment
		v.open.leave()
	}
}
