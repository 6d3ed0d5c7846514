// Package outbox writes an event in the transaction of what it tells, so that
// neither exists without the other, and brings it to the bus afterwards: at
// once, and where that fails by the relay. It owns the table outbox.event, in
// which a row is an event that nobody has seen published yet. An event may be
// published more than once, never not at all.
package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"bazaar/shared/crash"
	"bazaar/shared/event"
	"bazaar/shared/pg"
	"bazaar/shared/telemetry"
)

// publishTimeout bounds what Publish adds to a step whose work is done.
const publishTimeout = 2 * time.Second

// Publisher is what this package needs of a bus.Bus: an error, or nil once the
// event is durable, for each event.
type Publisher interface {
	PublishAll(ctx context.Context, events []event.Event) []error
}

// Add writes events with q, which is the transaction of what they tell. An
// event's subject (an order's id, say) is its aggregate: the relay keeps the
// order within one, which holds where the transactions of one aggregate exclude
// each other. An event without a traceparent gets that of ctx.
func Add(ctx context.Context, q pg.Querier, events ...event.Event) error {
	if len(events) == 0 {
		return nil
	}
	rows, err := rowsOf(ctx, events)
	if err != nil {
		return err
	}
	_, err = q.Exec(ctx, add, rows.ids, rows.aggregates, rows.types, rows.bodies)
	return pg.Fault(err, "putting events into the outbox")
}

const add = `
	insert into outbox.event (event_id, aggregate, type, body)
	select e.id, e.aggregate, e.type, e.body::jsonb
	from unnest($1::text[], $2::text[], $3::text[], $4::text[]) with ordinality as e (id, aggregate, type, body, n)
	order by e.n`

// columns are the rows of events, as add wants them.
type columns struct{ ids, aggregates, types, bodies []string }

func rowsOf(ctx context.Context, events []event.Event) (columns, error) {
	n := len(events)
	rows := columns{make([]string, n), make([]string, n), make([]string, n), make([]string, n)}
	for i, ev := range events {
		if err := ev.Validate(); err != nil {
			return columns{}, fmt.Errorf("putting the event %s into the outbox: %w", ev.ID, err)
		}
		if ev.TraceParent == "" {
			ev.TraceParent = telemetry.TraceParent(ctx)
		}
		body, err := json.Marshal(ev)
		if err != nil {
			return columns{}, fmt.Errorf("encoding the event %s: %w", ev.ID, err)
		}
		rows.ids[i], rows.aggregates[i], rows.types[i], rows.bodies[i] = ev.ID, ev.Subject, ev.Type, string(body)
	}
	return rows, nil
}

// Publish brings events, just committed with Add, to the bus, and takes their
// rows away. It is a short cut only: what fails, or would take longer than two
// seconds, is left to the relay. It may overtake an older event of the same
// aggregate that the relay still holds.
func Publish(ctx context.Context, q pg.Querier, bus Publisher, events []event.Event) {
	if len(events) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	var stored []string
	for i, err := range bus.PublishAll(ctx, events) {
		if err == nil {
			stored = append(stored, events[i].ID)
		}
	}
	if len(stored) == 0 {
		return
	}
	crash.Point("outbox", "published")
	_ = Settle(ctx, q, stored) // an error leaves the rows: they are published twice
}

// Announcer is Publish with its stores, as functions use it after a commit.
func Announcer(q pg.Querier, bus Publisher) func(ctx context.Context, events ...event.Event) {
	return func(ctx context.Context, events ...event.Event) { Publish(ctx, q, bus, events) }
}
