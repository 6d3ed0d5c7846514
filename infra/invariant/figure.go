package invariant

import (
	"context"
	"fmt"
	"time"

	"bazaar/shared/pg"
)

// Figure is how much there is of something that breaks no rule.
type Figure struct {
	Name   string
	Means  string
	Count  int64
	Oldest time.Duration // the age of the oldest, 0 where there is none
}

func (f Figure) String() string { return fmt.Sprintf("%d %s", f.Count, f.Means) }

// measure is a figure and where its rows and their times are.
type measure struct{ name, means, at, from string }

// Underway is what the store has still to do: every count is 0 when a shop that
// nobody uses has come to rest.
func Underway(ctx context.Context, q pg.Querier) ([]Figure, error) {
	return figures(ctx, q, []measure{
		{"outbox", "events in the outbox", "created_at", "outbox.event"},
		{"notices_new", "notices to be applied", "received_at", "payment.inbox where next_try_at is not null and state = 'new'"},
		{"notices_unmatched", "notices that match no payment", "received_at", "payment.inbox where next_try_at is not null and state = 'unmatched'"},
		{"orders_expiring", "orders reserved past their time", "expires_at", "orders.order where state = 'reserved' and expires_at <= now()"},
		{"orders_closing", "orders that are closing", "(select max(at) from orders.history h where h.order_id = o.order_id)",
			"orders.order o where state = 'closing'"},
	})
}

// Unresolved is what no function will do: a person must.
func Unresolved(ctx context.Context, q pg.Querier) ([]Figure, error) {
	return figures(ctx, q, []measure{
		{"notices_late", "payments that came too late, to be given back", "received_at", "payment.inbox where state = 'late'"},
		{"notices_rejected", "notices that are not about a payment as we made it", "received_at", "payment.inbox where state = 'rejected'"},
	})
}

func figures(ctx context.Context, q pg.Querier, wanted []measure) ([]Figure, error) {
	found := make([]Figure, 0, len(wanted))
	for _, m := range wanted {
		f := Figure{Name: m.name, Means: m.means}
		var seconds float64
		err := q.QueryRow(ctx, fmt.Sprintf(
			`select count(*), coalesce(greatest(extract(epoch from now() - min(%s)), 0), 0)::float8 from %s`, m.at, m.from)).Scan(&f.Count, &seconds)
		if err != nil {
			return found, pg.Fault(err, "counting "+m.means)
		}
		f.Oldest = time.Duration(seconds * float64(time.Second))
		found = append(found, f)
	}
	return found, nil
}
