package outbox

import (
	"context"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/event"
	"bazaar/shared/pg"
)

// A row that is locked is with the relay, which takes it away itself. The array is
// made once; "in (select" would be planned to look for all ids again for each row
// of the table, where that was nearly empty when it was last analyzed.
const settle = `delete from outbox.event where position = any(array(
	select position from outbox.event where event_id = any($1) for update skip locked))`

// Settle takes away the rows of events that were brought to where they go, by
// the bus or by another way. One that the relay holds at the moment stays, and
// goes once more.
func Settle(ctx context.Context, q pg.Querier, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := q.Exec(ctx, settle, ids)
	return pg.Fault(err, "settling events")
}

// Queue is Add and Settle as parts of a batch, for a transaction that counts its
// round trips: it writes events, and takes away the rows of those with the ids.
func Queue(ctx context.Context, b *pgx.Batch, settled []string, events ...event.Event) error {
	if len(events) > 0 {
		rows, err := rowsOf(ctx, events)
		if err != nil {
			return err
		}
		b.Queue(add, rows.ids, rows.aggregates, rows.types, rows.bodies)
	}
	if len(settled) > 0 {
		b.Queue(settle, settled)
	}
	return nil
}
