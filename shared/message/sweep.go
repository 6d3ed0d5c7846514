package message

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/pg"
)

// sweepBehind is how far behind its mark the sweep looks: what was written before
// the mark and committed after it. A transaction that posts ends sooner.
const sweepBehind = 15 * time.Second

// Sweep is what has changed of late.
type Sweep struct {
	Until time.Time // the next mark, once this is told
	Heads
}

// Changed gives the conversations with messages, and the members who changed,
// since the mark that Swept has left, and a little before. It never gives less
// than that, and the same twice does no harm.
func (Store) Changed(ctx context.Context, q pg.Querier) (Sweep, error) {
	var s Sweep
	var since time.Time
	// The clock is read before the rows are: what is committed meanwhile is of the
	// next sweep.
	err := q.QueryRow(ctx, `select swept_to - $1::bigint * interval '1 millisecond', clock_timestamp() from message.sweep where one`,
		sweepBehind.Milliseconds()).Scan(&since, &s.Until)
	if err != nil {
		return Sweep{}, pg.Fault(err, "reading the mark of the sweep")
	}
	rows, err := q.Query(ctx, `
		select c.conversation_id, c.last_seq, c.version
		from (select distinct conversation_id from message.message where created_at > $1) g
		join message.conversation c using (conversation_id)`, since)
	if s.Heads.Heads, err = heads(rows, err); err != nil {
		return Sweep{}, err
	}
	rows, err = q.Query(ctx, `
		select conversation_id, user_id, version, from_seq, left_seq is not null
		from message.member where changed_at > $1 order by conversation_id, version`, since)
	s.Members, err = collect(rows, err, func(row pgx.CollectableRow) (c Change, err error) {
		err = row.Scan(&c.Conversation, &c.User, &c.Version, &c.From, &c.Gone)
		return c, err
	}, "reading the members who changed")
	return s, err
}

// Swept moves the mark to until, and never back: after what Changed gave was told
// and flushed.
func (Store) Swept(ctx context.Context, q pg.Querier, until time.Time) error {
	_, err := q.Exec(ctx, `update message.sweep set swept_to = greatest(swept_to, $1) where one`, until)
	return pg.Fault(err, "moving the mark of the sweep")
}
