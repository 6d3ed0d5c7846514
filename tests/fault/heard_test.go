package fault_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"bazaar/shared/bus"
	"bazaar/shared/event"
	"bazaar/shared/order"
	"bazaar/shared/pg"
)

// heard is what the bus was told of orders so far: the types of events by id.
type heard struct {
	mu    sync.Mutex
	next  uint64 // sequence
	types map[string]string
}

// listen reads what came to the stream since the last time.
func (e *heard) listen(ctx context.Context, js jetstream.JetStream) error {
	stream, err := js.Stream(ctx, bus.OrdersStream)
	if err != nil {
		return fmt.Errorf("finding the stream of orders: %w", err)
	}
	last := stream.CachedInfo().State.LastSeq
	if e.next > last {
		return nil
	}
	reader, err := js.OrderedConsumer(ctx, bus.OrdersStream, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: max(e.next, 1),
	})
	if err != nil {
		return fmt.Errorf("reading the events of orders: %w", err)
	}
	for e.next <= last {
		messages, err := reader.Fetch(1000)
		if err != nil {
			return fmt.Errorf("reading the events of orders: %w", err)
		}
		for m := range messages.Messages() {
			at, err := m.Metadata()
			if err != nil {
				return fmt.Errorf("reading an event of an order: %w", err)
			}
			batch, err := event.DecodeBatch(m.Data())
			if err != nil {
				return fmt.Errorf("reading the message %d: %w", at.Sequence.Stream, err)
			}
			for _, one := range batch {
				e.types[one.ID] = one.Type
			}
			e.next = at.Sequence.Stream + 1
			if e.next > last {
				return nil
			}
		}
		if err := messages.Error(); err != nil {
			return fmt.Errorf("reading the events of orders: %w", err)
		}
	}
	return nil
}

// eventsDiffer compares what the bus was told of these buyers' orders with their
// histories: every step that emits an event has emitted it, and no event tells of
// a step that was not made.
func (h *house) eventsDiffer(ctx context.Context, q pg.Querier, records []*record) ([]string, error) {
	h.heard.mu.Lock()
	defer h.heard.mu.Unlock()
	if err := h.heard.listen(ctx, h.js); err != nil {
		return nil, err
	}
	emits := map[string]string{}
	for _, t := range order.Transitions() {
		emits[fmt.Sprintf("%s %s", t.From, t.Verb)] = t.Emit
	}
	rows, err := q.Query(ctx, `
		select h.order_id::text, h.version, h.from_state || ' ' || h.event, count(*) over (partition by h.order_id)
		from orders.history h join orders.order o using (order_id) where o.user_id = any($1)`, owners(records))
	if err != nil {
		return nil, fmt.Errorf("reading the histories: %w", err)
	}
	var wrong []string
	var id, step string
	var version, steps int
	_, err = pgx.ForEachRow(rows, []any{&id, &version, &step, &steps}, func() error {
		if told := h.heard.types[fmt.Sprintf("%s.%d", id, version)]; told != emits[step] {
			wrong = append(wrong, fmt.Sprintf("of order %s, version %d (%s), the bus was told %q, not %q", id, version, step, told, emits[step]))
		}
		if told := h.heard.types[fmt.Sprintf("%s.%d", id, steps+1)]; told != "" {
			wrong = append(wrong, fmt.Sprintf("of order %s the bus was told %q, a step that it has not made", id, told))
		}
		return nil
	})
	return wrong, err
}
