//go:build linux

package powercut_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"bazaar/shared/bus"
	"bazaar/shared/event"
	"bazaar/shared/order"
	"bazaar/shared/outbox"
	"bazaar/shared/stock"
)

const (
	buyers = 16
	// The reader is slower than the buyers, so that there is a queue.
	takeEvery = 20 * time.Millisecond
	takeUpTo  = 4 // messages, each of up to as many orders as there are buyers
)

// shop takes orders on a machine, as the functions do, and remembers what was
// acknowledged.
type shop struct {
	*machine

	mu        sync.Mutex
	accepted  map[string]bool // orders whose publish was acknowledged: the buyer has his 202
	committed map[string]bool // orders whose transaction was
	first     chan struct{}   // closed when there is one of each
	commits   chan struct{}   // holds a word when there was one since it was last taken
	failed    error           // what went wrong, though the power was on
}

// open begins to trade until ctx ends. wait, after that, for everyone to go.
func open(ctx context.Context, m *machine) (s *shop, wait func()) {
	s = &shop{machine: m, accepted: map[string]bool{}, committed: map[string]bool{}, first: make(chan struct{}), commits: make(chan struct{}, 1)}
	var people sync.WaitGroup
	for range buyers {
		people.Go(func() { s.buy(ctx) })
	}
	people.Go(func() { s.take(ctx) })
	return s, people.Wait
}

// buy places one order after the other, as create-order does, until it fails.
func (s *shop) buy(ctx context.Context) {
	for ctx.Err() == nil {
		id := uuid.NewString()
		placed, err := order.PlacedEvent(order.Draft{
			OrderID: id, UserID: "buyer", Fingerprint: id, Amount: price, Currency: "CNY", PlacedAt: time.Now(),
			Lines: []order.Line{{SKU: sku, Quantity: 1, Amount: price}},
		})
		if err == nil {
			err = s.bus.Publish(ctx, placed)
		}
		if err != nil {
			s.note(err)
			return
		}
		s.remember(s.accepted, id)
	}
}

// take writes what is in the queue, as reserve-stock does, until it fails.
func (s *shop) take(ctx context.Context) {
	queue, err := s.bus.JetStream().Consumer(ctx, bus.QueueStream, bus.QueueConsumer)
	tick := time.NewTicker(takeEvery)
	defer tick.Stop()
	for err == nil {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			err = s.takeSome(ctx, queue)
		}
	}
	s.note(err)
}

func (s *shop) takeSome(ctx context.Context, queue jetstream.Consumer) error {
	got, err := queue.FetchNoWait(takeUpTo)
	if err != nil {
		return err
	}
	var messages []jetstream.Msg
	var drafts []order.Draft
	for msg := range got.Messages() {
		messages = append(messages, msg)
		batch, err := event.DecodeBatch(msg.Data())
		if err != nil {
			return err
		}
		for _, e := range batch {
			d, err := order.DraftOf(e)
			if err != nil {
				return err
			}
			drafts = append(drafts, d)
		}
	}
	if len(messages) == 0 {
		return got.Error()
	}
	if err := s.reserve(ctx, drafts); err != nil {
		return err
	}
	for _, msg := range messages {
		if err := msg.Ack(); err != nil {
			return err
		}
	}
	return nil
}

// reserve writes orders, their stock and their events in one transaction.
func (s *shop) reserve(ctx context.Context, drafts []order.Draft) error {
	var emitted []event.Event
	err := s.pool.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		fresh, err := order.Store{}.Take(ctx, tx, drafts, time.Hour)
		if err != nil {
			return err
		}
		demands, verdicts := make([]stock.Demand, len(fresh)), make([]order.Verdict, len(fresh))
		for i, d := range fresh {
			demands[i] = stock.Demand{Reference: d.OrderID, Lines: []stock.Line{{SKU: sku, Quantity: 1}}}
			verdicts[i] = order.Verdict{Draft: d}
		}
		if _, err := (stock.Store{}).Reserve(ctx, tx, demands); err != nil {
			return err
		}
		if emitted, err = (order.Store{}).Decide(ctx, tx, verdicts); err != nil {
			return err
		}
		return outbox.Add(ctx, tx, emitted...)
	})
	if err != nil {
		return err
	}
	for _, d := range drafts {
		s.remember(s.committed, d.OrderID)
	}
	select {
	case s.commits <- struct{}{}:
	default:
	}
	outbox.Publish(ctx, s.pool, s.bus, emitted)
	return nil
}

func (s *shop) remember(in map[string]bool, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in[id] = true
	if len(s.accepted) > 0 && len(s.committed) > 0 {
		select {
		case <-s.first:
		default:
			close(s.first)
		}
	}
}

// note keeps the first error; the power going off brings many.
func (s *shop) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil && !errors.Is(err, context.Canceled) {
		s.failed = err
	}
}

// awaitCommit returns when a transaction was committed this very moment.
func (s *shop) awaitCommit(t *testing.T) {
	t.Helper()
	late := time.NewTimer(startTimeout)
	defer late.Stop()
	for range 2 { // the first word may be an old one
		select {
		case <-s.commits:
		case <-late.C:
			s.stillOpen(t)
			t.Fatalf("no commit within %s", startTimeout)
		}
	}
}

// stillOpen fails the test when the shop has failed with the power on.
func (s *shop) stillOpen(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		t.Fatalf("the shop failed before the power did: %v", s.failed)
	}
}
