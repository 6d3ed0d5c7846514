package idem

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/pg"
)

// Postgres keeps records in the table idem.answer, so that an answer can be
// kept in the transaction of its effect.
type Postgres struct {
	pool *pg.Pool
}

// NewPostgres makes a store.
func NewPostgres(pool *pg.Pool) *Postgres { return &Postgres{pool} }

// Begin is Store's.
func (s *Postgres) Begin(ctx context.Context, c Claim) (Record, Outcome, error) {
	for range 2 { // a record may be freed between the two statements
		record, outcome, err := s.take(ctx, c)
		if err == nil || !errors.Is(err, pgx.ErrNoRows) {
			return record, outcome, pg.Fault(err, "taking a key")
		}
		record, outcome, err = s.look(ctx, c)
		if err == nil || !errors.Is(err, pgx.ErrNoRows) {
			return record, outcome, pg.Fault(err, "looking at a key")
		}
		if c.Join {
			return Record{}, Absent, nil
		}
	}
	return Record{}, Running, nil
}

// take makes the record, or takes it over. No row: somebody has it, or it is done.
func (s *Postgres) take(ctx context.Context, c Claim) (Record, Outcome, error) {
	args := []any{c.Key.ID(), c.Fingerprint, c.Holder, c.Lease.Milliseconds()}
	sql := `update idem.answer set holder = $3, held_until = now() + $4::bigint * interval '1 millisecond'
		where id = $1::uuid and fingerprint = $2 and state = 'in_progress' and held_until <= now()
		returning progress, false`
	if !c.Join {
		args = append(args, c.Key.Scope, c.Key.Owner, c.Key.Key, c.Progress)
		sql = `insert into idem.answer as a (id, fingerprint, state, holder, held_until, scope, owner, key, progress)
			values ($1::uuid, $2, 'in_progress', $3, now() + $4::bigint * interval '1 millisecond', $5, $6, $7, $8)
			on conflict (id) do update set holder = excluded.holder, held_until = excluded.held_until
				where a.state = 'in_progress' and a.held_until <= now() and a.fingerprint = excluded.fingerprint
			returning a.progress, a.xmax = 0`
	}
	record, outcome := Record{ID: c.Key.ID(), Fingerprint: c.Fingerprint, Holder: c.Holder}, TakenOver
	var fresh bool
	err := s.pool.QueryRow(ctx, sql, args...).Scan(&record.Progress, &fresh)
	if pg.IsCode(err, "23505") {
		// Somebody else is making the record at this moment, and the index over
		// scope, owner and key was met before the one over the id.
		err = pgx.ErrNoRows
	}
	if fresh {
		outcome = Began
	}
	return record, outcome, err
}

// look tells why take got no row.
func (s *Postgres) look(ctx context.Context, c Claim) (Record, Outcome, error) {
	var state string
	r := Record{ID: c.Key.ID()}
	err := s.pool.QueryRow(ctx, `select state, fingerprint, progress, coalesce(status, 0), body from idem.answer where id = $1::uuid`, r.ID).
		Scan(&state, &r.Fingerprint, &r.Progress, &r.Answer.Status, &r.Answer.Body)
	switch {
	case err != nil:
		return Record{}, Absent, err
	case r.Fingerprint != c.Fingerprint:
		return r, Reused, nil
	case state == "done":
		return r, Finished, nil
	}
	return r, Running, nil
}

// Finish is Store's.
func (s *Postgres) Finish(ctx context.Context, r Record, a Answer) error {
	return s.FinishIn(ctx, s.pool, r, a)
}

// FinishIn keeps the answer in the transaction of its effect: both are there,
// or none. It fails with ErrTaken when the record is no longer ours, and the
// transaction must then not be committed. Call it last: it locks the record.
func (s *Postgres) FinishIn(ctx context.Context, q pg.Querier, r Record, a Answer) error {
	tag, err := q.Exec(ctx, `update idem.answer set state = 'done', status = $3, body = $4
		where id = $1::uuid and holder = $2`, r.ID, r.Holder, a.Status, a.Body)
	if err != nil {
		return pg.Fault(err, "keeping an answer")
	}
	if tag.RowsAffected() != 1 {
		return errTaken()
	}
	return nil
}

// Yield is Store's.
func (s *Postgres) Yield(ctx context.Context, r Record) error {
	_, err := s.pool.Exec(ctx, `update idem.answer set held_until = now()
		where id = $1::uuid and holder = $2 and state = 'in_progress'`, r.ID, r.Holder)
	return pg.Fault(err, "giving back a key")
}

// Free is Store's.
func (s *Postgres) Free(ctx context.Context, r Record) error {
	_, err := s.pool.Exec(ctx, `delete from idem.answer where id = $1::uuid and holder = $2 and state = 'in_progress'`, r.ID, r.Holder)
	return pg.Fault(err, "freeing a key")
}

// sweepLimit bounds one delete, so that it holds few locks.
const sweepLimit = 1000

// Sweep deletes records older than Kept and says how many.
func (s *Postgres) Sweep(ctx context.Context) (int64, error) {
	var swept int64
	for {
		tag, err := s.pool.Exec(ctx, `delete from idem.answer where id = any(array(
			select id from idem.answer where created_at < now() - $1::bigint * interval '1 millisecond'
			order by created_at limit $2 for update skip locked))`, Kept.Milliseconds(), sweepLimit)
		if err != nil {
			return swept, pg.Fault(err, "sweeping old answers")
		}
		swept += tag.RowsAffected()
		if tag.RowsAffected() < sweepLimit {
			return swept, nil
		}
	}
}

// Sweeping sweeps every hour until ctx ends; failed hears of sweeps that did not work.
func (s *Postgres) Sweeping(ctx context.Context, failed func(error)) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if _, err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			failed(fmt.Errorf("at its hour: %w", err))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
