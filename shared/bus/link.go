package bus

import (
	"context"
	"sync"
)

// link follows the connection, so that a flight ends when its connection does
// instead of waiting for an answer that cannot come.
type link struct {
	mu  sync.Mutex
	ctx context.Context //nolint:containedctx // the life of the present connection
	end context.CancelFunc
	up  chan struct{} // closed while there is a connection
}

func newLink() *link {
	l := &link{up: make(chan struct{})}
	l.ctx, l.end = context.WithCancel(context.Background())
	return l
}

// raise notes a new connection.
func (l *link) raise() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil {
		l.ctx, l.end = context.WithCancel(context.Background())
	}
	select {
	case <-l.up:
	default:
		close(l.up)
	}
}

// drop notes that the connection is lost.
func (l *link) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end()
	select {
	case <-l.up:
		l.up = make(chan struct{})
	default:
	}
}

// life ends with the present connection. The notices come a moment late, so it
// may have ended although there is a connection again; the flight is then
// repeated, which is harmless.
func (l *link) life() (ctx context.Context, up <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ctx, l.up
}
