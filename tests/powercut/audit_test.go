//go:build linux

package powercut_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/bus"
	"bazaar/shared/event"
)

// found is what the stores have after a cut, by order.
type found struct {
	waiting map[string]bool // in the queue
	written map[string]bool // in PostgreSQL
	told    map[string]bool // whose event is in ORDERS, or in the outbox
}

// look reads everything.
func (m *machine) look(t *testing.T) found {
	t.Helper()
	f := found{
		waiting: m.stored(t, bus.QueueStream),
		written: m.column(t, `select order_id::text from orders.order`),
		told:    m.stored(t, bus.OrdersStream),
	}
	for id := range m.column(t, `select aggregate from outbox.event`) {
		f.told[id] = true
	}
	return f
}

// stored lists the orders that the events of a stream are about, message by
// message: a consumer would wait for what was delivered before the cut.
func (m *machine) stored(t *testing.T, name string) map[string]bool {
	t.Helper()
	stream, err := m.bus.JetStream().Stream(t.Context(), name)
	if err != nil {
		t.Fatalf("looking for %s: %v", name, err)
	}
	orders, state := map[string]bool{}, stream.CachedInfo().State
	for seq := state.FirstSeq; state.Msgs > 0 && seq <= state.LastSeq; seq++ {
		msg, err := stream.GetMsg(t.Context(), seq)
		if err != nil {
			continue // deleted; what is missed will be counted
		}
		batch, err := event.DecodeBatch(msg.Data)
		if err != nil {
			t.Errorf("message %d of %s: %v", seq, name, err)
		}
		for _, e := range batch {
			orders[e.Subject] = true
		}
	}
	return orders
}

func (m *machine) column(t *testing.T, query string) map[string]bool {
	t.Helper()
	rows, err := m.pool.Query(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	set := map[string]bool{}
	for _, id := range ids {
		set[id] = true
	}
	return set
}

// clear empties the streams for the next cut.
func (m *machine) clear(t *testing.T) {
	t.Helper()
	for _, name := range []string{bus.QueueStream, bus.OrdersStream} {
		stream, err := m.bus.JetStream().Stream(t.Context(), name)
		if err == nil {
			err = stream.Purge(t.Context())
		}
		if err != nil {
			t.Fatalf("emptying %s: %v", name, err)
		}
	}
}

// count is what was acknowledged, and how much of it is gone.
type count struct {
	accepted, acceptedLost   int // the buyer had a 202; neither queue nor PostgreSQL has it
	committed, committedLost int // the transaction was committed; PostgreSQL does not have it
	untold                   int // PostgreSQL has it, but no event says so
}

func (c count) lost() int { return c.acceptedLost + c.committedLost + c.untold }

func (c count) String() string {
	return fmt.Sprintf("of %d accepted orders %d are lost, of %d committed ones %d; %d without their event",
		c.accepted, c.acceptedLost, c.committed, c.committedLost, c.untold)
}

// compare counts what the shop remembers and the stores do not have.
func (s *shop) compare(f found) count {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := count{accepted: len(s.accepted), committed: len(s.committed)}
	for id := range s.accepted {
		if !f.waiting[id] && !f.written[id] {
			c.acceptedLost++
		}
	}
	for id := range s.committed {
		if !f.written[id] {
			c.committedLost++
		} else if !f.told[id] {
			c.untold++
		}
	}
	return c
}
