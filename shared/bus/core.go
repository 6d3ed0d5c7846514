package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
)

// Note is what is told and not kept (core NATS): who does not listen now never
// hears it, and nobody learns who did. What must not be lost is in a store.
type Note struct {
	Subject string
	Header  nats.Header // nil for none
	Data    []byte
}

// Tell hands notes to the connection, in their order, and does not wait. A nil
// error says no more than that: whoever must know that the server has them asks
// Flush, and Connections.
//
// Errors: unavailable while there is no connection, and the notes from the one
// that failed on are certainly untold; a note that is too large, or has no
// literal subject, is a mistake of the caller's.
func (b *Bus) Tell(notes ...Note) error {
	for _, n := range notes {
		if !literal(n.Subject) {
			return fmt.Errorf("telling %q: it is no subject", n.Subject)
		}
		// Before the first connection the library would speak of headers instead.
		if !b.conn.IsConnected() {
			return unavailable(fmt.Errorf("telling %s: %w", n.Subject, nats.ErrDisconnected))
		}
		err := b.conn.PublishMsg(&nats.Msg{Subject: n.Subject, Header: n.Header, Data: n.Data})
		switch {
		case errors.Is(err, nats.ErrMaxPayload):
			return fmt.Errorf("telling %s: %d bytes: %w", n.Subject, len(n.Data), err)
		case err != nil:
			return unavailable(fmt.Errorf("telling %s: %w", n.Subject, err))
		}
	}
	return nil
}

// Flush returns when the server has all that this connection was told, and all
// that its ears opened: a round trip, of two seconds at most. It cannot speak
// for a connection that was lost meanwhile: see Connections.
func (b *Bus) Flush(ctx context.Context) error {
	if !b.conn.IsConnected() {
		return unavailable(fmt.Errorf("flushing: %w", nats.ErrDisconnected))
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if err := b.conn.FlushWithContext(ctx); err != nil {
		return unavailable(fmt.Errorf("flushing: %w", err))
	}
	return nil
}

// Connections counts the connections that this bus has had. Where it is the
// same before a Tell and after a Flush, the server has what was told.
func (b *Bus) Connections() uint64 { return b.conn.Stats().Reconnects }

// Watcher is called when the connection changes, from a goroutine of the
// connection's: its functions must not wait. Those that are nil are not called.
type Watcher struct {
	// Back is called when there is a connection, also the first one where it
	// comes after Watch. All that the ears have open is heard again by then; what
	// was told in between was not.
	Back func()
	// Lost is called when the connection is lost.
	Lost func()
	// Dropped is called when an ear's channel was full: something on the subject
	// was not heard. Once an episode and subject, not once a note.
	Dropped func(subject string)
}

// Watch has w called from now on, in the place of a watcher before it.
func (b *Bus) Watch(w Watcher) { b.watcher.Store(&w) }

func (b *Bus) back() {
	b.link.raise()
	if w := b.watcher.Load(); w != nil && w.Back != nil {
		w.Back()
	}
}

func (b *Bus) lost() {
	b.link.drop()
	if w := b.watcher.Load(); w != nil && w.Lost != nil {
		w.Lost()
	}
}

func (b *Bus) dropped(sub *nats.Subscription, err error) {
	w := b.watcher.Load()
	if sub != nil && errors.Is(err, nats.ErrSlowConsumer) && w != nil && w.Dropped != nil {
		w.Dropped(sub.Subject)
	}
}
