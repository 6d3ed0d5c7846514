package order

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/event"
	"bazaar/shared/pg"
)

// intaker is the actor of the first transition in the history.
const intaker = "reserve-stock"

// Take writes the orders of the drafts, each with its lines and as if all its
// stock could be had, and gives those that were not there before. What Take
// wrote must be completed by Decide in the same transaction. A draft's id must
// occur once. The rows are written in the order of their ids, so that two batches
// with an order in common wait for each other instead of deadlocking; what is
// given back is in the order of the drafts.
func (Store) Take(ctx context.Context, tx pgx.Tx, drafts []Draft, payWithin time.Duration) ([]Draft, error) {
	n := len(drafts)
	ids, users, currencies, prints, traces := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	amounts, placed := make([]int64, n), make([]time.Time, n)
	for i, d := range drafts {
		ids[i], users[i], currencies[i], prints[i], traces[i] = d.OrderID, d.UserID, d.Currency, d.Fingerprint, d.TraceParent
		amounts[i], placed[i] = d.Amount, d.PlacedAt
	}
	rows, err := tx.Query(ctx, `
		insert into orders.order (order_id, user_id, state, version, amount, currency, fingerprint, created_at, expires_at, traceparent)
		select id::uuid, user_id, 'reserved', 1, amount, currency, fingerprint, placed_at,
			now() + $8::bigint * interval '1 millisecond', traceparent
		from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::timestamptz[], $7::text[])
			as d (id, user_id, amount, currency, fingerprint, placed_at, traceparent)
		order by id::uuid
		on conflict do nothing
		returning order_id::text`,
		ids, users, amounts, currencies, prints, placed, traces, payWithin.Milliseconds())
	if err != nil {
		return nil, pg.Fault(err, "writing orders")
	}
	fresh, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, pg.Fault(err, "writing orders")
	}
	taken := make(map[string]bool, len(fresh))
	for _, id := range fresh {
		taken[id] = true
	}
	kept := slices.DeleteFunc(slices.Clone(drafts), func(d Draft) bool { return !taken[d.OrderID] })
	return kept, writeLines(ctx, tx, kept)
}

func writeLines(ctx context.Context, tx pgx.Tx, drafts []Draft) error {
	var ids, skus []string
	var numbers []int16
	var quantities, amounts []int64
	for _, d := range drafts {
		for i, l := range d.Lines {
			ids, skus = append(ids, d.OrderID), append(skus, l.SKU)
			numbers = append(numbers, int16(i+1))
			quantities, amounts = append(quantities, l.Quantity), append(amounts, l.Amount)
		}
	}
	_, err := tx.Exec(ctx, `
		insert into orders.line (order_id, line_no, sku, quantity, amount)
		select id::uuid, line_no, sku, quantity, amount
		from unnest($1::text[], $2::smallint[], $3::text[], $4::bigint[], $5::bigint[]) as l (id, line_no, sku, quantity, amount)`,
		ids, numbers, skus, quantities, amounts)
	return pg.Fault(err, "writing the lines of orders")
}

// Verdict is what became of a draft: reserved, or rejected for a reason.
type Verdict struct {
	Draft  Draft
	Reason string // "" is reserved
	Note   string
}

// Decide writes the verdicts of what Take wrote, with the first row of each
// order's history, and gives the events to be put into the outbox.
func (Store) Decide(ctx context.Context, tx pgx.Tx, verdicts []Verdict) ([]event.Event, error) {
	n := len(verdicts)
	ids, states, verbs, notes := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	var rejected, reasons []string
	emitted := make([]event.Event, n)
	for i, v := range verdicts {
		verb := Reserve
		if v.Reason != "" {
			verb = Reject
			rejected, reasons = append(rejected, v.Draft.OrderID), append(reasons, v.Reason)
		}
		t, err := Find(StatePlaced, verb)
		if err != nil {
			return nil, err
		}
		ids[i], states[i], verbs[i], notes[i] = v.Draft.OrderID, string(t.To), string(verb), v.Note
		emitted[i], err = changed(t.Emit, Changed{v.Draft.OrderID, v.Draft.UserID, 1, v.Reason}, v.Draft.TraceParent)
		if err != nil {
			return nil, err
		}
	}
	batch := &pgx.Batch{}
	batch.Queue(`
		insert into orders.history (order_id, version, from_state, to_state, event, actor, note)
		select id::uuid, 1, 'placed', to_state, verb, $5, note
		from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as h (id, to_state, verb, note)`,
		ids, states, verbs, notes, intaker)
	if len(rejected) > 0 {
		batch.Queue(`
			update orders.order o set state = 'rejected', reason = r.reason, expires_at = null
			from unnest($1::text[], $2::text[]) as r (id, reason) where o.order_id = r.id::uuid`, rejected, reasons)
	}
	return emitted, pg.Fault(tx.SendBatch(ctx, batch).Close(), "deciding orders")
}
