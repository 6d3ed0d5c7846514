package bus

import (
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"
)

// Ear hears any number of subjects on one channel and needs no goroutine for
// each. It is safe for use by many goroutines.
type Ear struct {
	conn *nats.Conn
	into chan *nats.Msg

	mu   sync.Mutex
	open map[string]*nats.Subscription
}

// Ear makes an ear that hears nothing yet. What comes while the channel is full
// is dropped; Watch tells of it. The ear never closes the channel.
func (b *Bus) Ear(into chan *nats.Msg) *Ear {
	return &Ear{conn: b.conn, into: into, open: map[string]*nats.Subscription{}}
}

// Open has a subject heard, for certain after the next Flush, and again after
// every loss of the connection; also while there is none. To open what is open is
// no error.
func (e *Ear) Open(subject string) error {
	if !literal(subject) {
		return fmt.Errorf("hearing %q: it is no subject", subject)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.open[subject]; ok {
		return nil
	}
	sub, err := e.conn.ChanSubscribe(subject, e.into)
	if err != nil {
		return unavailable(fmt.Errorf("hearing %s: %w", subject, err))
	}
	e.open[subject] = sub
	return nil
}

// Close has a subject heard no more. What came before may still be in the
// channel. To close what is not open is no error.
func (e *Ear) Close(subject string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	sub, ok := e.open[subject]
	if !ok {
		return nil
	}
	delete(e.open, subject)
	err := sub.Unsubscribe()
	if err == nil || errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrBadSubscription) {
		return nil
	}
	return unavailable(fmt.Errorf("hearing %s no more: %w", subject, err))
}

// Len is how many subjects are heard.
func (e *Ear) Len() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.open)
}
