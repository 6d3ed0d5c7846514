package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"bazaar/shared/crash"
	"bazaar/shared/event"
	"bazaar/shared/pg"
)

const (
	// sweepEvery is how often the relay looks for rows; when the bus is there and
	// takes nothing it looks less and less often, down to sweepAtLeast.
	sweepEvery   = time.Second
	sweepAtLeast = 8 * time.Second
	// sweepRows is how many rows are locked at once.
	sweepRows = 500
	// sweepTimeout bounds one such step; what is not published by then stays.
	sweepTimeout = 15 * time.Second
)

// Bus is what the relay needs of a bus.Bus.
type Bus interface {
	Publisher
	// Check fails while the bus is away.
	Check(ctx context.Context) error
}

// Relay publishes what is older than a second, which Publish has failed to.
// Any number may run at once: an event is published after the one before it of
// its aggregate is, by whichever relay.
type Relay struct {
	Pool *pg.Pool
	Bus  Bus
	Log  *slog.Logger
	// Metrics may be nil.
	Metrics *prometheus.Registry
}

// Run relays until ctx ends. A store or bus that is away is waited for.
func (r *Relay) Run(ctx context.Context) {
	m := newMetrics(r.Metrics)
	wait, stuck := sweepEvery, false
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		published, err := r.Sweep(ctx)
		m.relayed.Add(float64(published))
		if published > 0 || err == nil || r.Bus.Check(ctx) != nil {
			wait = sweepEvery
		} else {
			wait = min(2*wait, sweepAtLeast)
		}
		switch { // told when it begins and when it ends, not every second between
		case ctx.Err() != nil:
		case err != nil && !stuck:
			r.Log.WarnContext(ctx, "events stay in the outbox", "error", err.Error())
			stuck = true
		case err == nil && stuck:
			r.Log.InfoContext(ctx, "the outbox is empty again", "published", published)
			stuck = false
		}
		m.look(ctx, r.Pool)
		timer.Reset(wait)
	}
}

// Sweep publishes what is due, once through the table, and again while that
// brings new first events of aggregates to light. It returns how many it
// published, and what kept it from publishing more.
func (r *Relay) Sweep(ctx context.Context) (int, error) {
	if err := r.Bus.Check(ctx); err != nil {
		return 0, fmt.Errorf("relaying: %w", err)
	}
	total := 0
	for {
		published, err := r.pass(ctx)
		total += published
		if published == 0 || ctx.Err() != nil {
			return total, err
		}
	}
}

// pass goes through the table once. An event that cannot be published keeps
// only its aggregate back.
func (r *Relay) pass(ctx context.Context) (int, error) {
	var failed error
	total, after := 0, int64(0)
	for {
		s, err := r.step(ctx, after)
		if err != nil {
			return total, err
		}
		total += s.published
		if failed == nil {
			failed = s.failed
		}
		if s.seen < sweepRows {
			return total, failed
		}
		after = s.last
	}
}

// step is what became of one lot of rows.
type step struct {
	seen, published int
	last            int64
	failed          error // why the first of those that stay do
}

// row is an event in the table.
type row struct {
	Position int64
	Event    event.Event
}

// step locks the next due rows, publishes them and takes them away.
//
// Only the first row of each aggregate counts: the second becomes the first when
// the first is gone. While another relay has the first locked it is still there
// to see, so nobody takes the second.
func (r *Relay) step(ctx context.Context, after int64) (step, error) {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	var s step
	err := r.Pool.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		s = step{}
		found, err := tx.Query(ctx, `
			select position, body from outbox.event e
			where position > $1 and created_at < now() - interval '1 second'
			  and not exists (select from outbox.event o where o.aggregate = e.aggregate and o.position < e.position)
			order by position limit $2 for update skip locked`, after, sweepRows)
		if err != nil {
			return fmt.Errorf("reading the outbox: %w", err)
		}
		rows, err := pgx.CollectRows(found, pgx.RowToStructByPos[row])
		if err != nil || len(rows) == 0 {
			return err
		}
		events := make([]event.Event, len(rows))
		for i, row := range rows {
			events[i] = row.Event
		}
		var gone []int64
		for i, err := range r.Bus.PublishAll(ctx, events) {
			if err == nil {
				gone = append(gone, rows[i].Position)
			} else if s.failed == nil {
				s.failed = fmt.Errorf("relaying the event %s: %w", events[i].ID, err)
			}
		}
		s.seen, s.published, s.last = len(rows), len(gone), rows[len(rows)-1].Position
		if len(gone) == 0 {
			return nil
		}
		crash.Point("outbox", "relayed")
		_, err = tx.Exec(context.WithoutCancel(ctx), `delete from outbox.event where position = any($1)`, gone)
		if err != nil {
			return fmt.Errorf("taking published events out of the outbox: %w", err)
		}
		return nil
	})
	if err != nil {
		return step{}, errors.Join(err, s.failed)
	}
	return s, nil
}
