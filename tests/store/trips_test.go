package store_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/fault"
	"bazaar/shared/pg"
	"bazaar/tests/support"
)

// trips has a pool of one connection and a table.
func trips(t *testing.T) (pool *pg.Pool, stored func() int) {
	t.Helper()
	s := support.PostgresSettings(t)
	s.MaxConns = 1
	pool = support.OpenPostgres(t, s)
	_, err := pool.Exec(t.Context(), `create table public.trip (n int primary key)`)
	must(t, err)
	return pool, func() (n int) {
		t.Helper()
		must(t, pool.QueryRow(t.Context(), `select count(*) from public.trip`).Scan(&n))
		return n
	}
}

func nothing(*pgx.Batch) {}

func TestWhatIsAskedAndWrittenIsOneTransaction(t *testing.T) {
	t.Parallel()
	pool, stored := trips(t)
	var began, ended int64
	err := pool.AskAndWrite(t.Context(), func(b *pgx.Batch) {
		b.Queue(`select pg_current_xact_id()::text::bigint`).QueryRow(func(row pgx.Row) error { return row.Scan(&began) })
	}, func(b *pgx.Batch) error {
		if began == 0 {
			t.Error("nothing was answered before the writing")
		}
		b.Queue(`insert into public.trip values (1) returning pg_current_xact_id()::text::bigint`).QueryRow(func(row pgx.Row) error { return row.Scan(&ended) })
		return nil
	})
	if err != nil || began != ended || stored() != 1 {
		t.Errorf("%v, transactions %d and %d, %d rows", err, began, ended, stored())
	}
	if err := pool.AskAndWrite(t.Context(), nothing, func(*pgx.Batch) error { return nil }); err != nil {
		t.Errorf("with nothing to write: %v", err)
	}
}

// Whatever goes wrong, nothing is stored, and the connection serves the next.
func TestNothingOfAFailedTripIsStored(t *testing.T) {
	t.Parallel()
	refusal := errors.New("no")
	insert := func(b *pgx.Batch) { b.Queue(`insert into public.trip values (1)`) }
	division := func(b *pgx.Batch) { b.Queue(`select 1 / 0`) }
	killed := func(b *pgx.Batch) { b.Queue(`select pg_terminate_backend(pg_backend_pid())`) }
	orphan := func(b *pgx.Batch) { b.Queue(`insert into public.late values (1)`) }
	for name, c := range map[string]struct {
		ask, write func(*pgx.Batch)
		refused    error
		want       func(error) bool
	}{
		"asking fails":       {func(b *pgx.Batch) { insert(b); division(b) }, nothing, nil, func(err error) bool { return pg.IsCode(err, "22012") }},
		"asking is killed":   {func(b *pgx.Batch) { insert(b); killed(b) }, nothing, nil, func(err error) bool { return fault.KindOf(err) == fault.Unavailable }},
		"the writer refuses": {insert, nothing, refusal, func(err error) bool { return errors.Is(err, refusal) }},
		"writing fails":      {insert, func(b *pgx.Batch) { insert(b) }, nil, func(err error) bool { return pg.IsCode(err, "23505") }},
		"writing is killed":  {insert, killed, nil, func(err error) bool { return fault.KindOf(err) == fault.Unavailable }},
		"the commit fails":   {insert, orphan, nil, func(err error) bool { return pg.IsCode(err, "23503") && !errors.Is(err, pg.ErrOutcomeUnknown) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, stored := trips(t)
			_, err := pool.Exec(t.Context(), `create table public.late (n int references public.late (m) deferrable initially deferred, m int unique)`)
			must(t, err)
			err = pool.AskAndWrite(t.Context(), c.ask, func(b *pgx.Batch) error { c.write(b); return c.refused })
			if !c.want(err) || stored() != 0 {
				t.Errorf("%v, %d rows", err, stored())
			}
		})
	}
}

// A transaction that the server gives up is tried again, from its questions on.
func TestATripIsTriedAgain(t *testing.T) {
	t.Parallel()
	pool, stored := trips(t)
	asked := 0
	err := pool.AskAndWrite(t.Context(), func(*pgx.Batch) { asked++ }, func(b *pgx.Batch) error {
		b.Queue(`insert into public.trip values (1)`)
		if asked < 3 {
			b.Queue(`do $$ begin raise exception using errcode = '40P01'; end $$`)
		}
		return nil
	})
	if err != nil || asked != 3 || stored() != 1 {
		t.Errorf("%v after %d tries, %d rows", err, asked, stored())
	}
}

// What is not read as it should be was committed all the same: nobody is told
// that it was not.
func TestATripWhoseAnswerIsNotReadIsUnknown(t *testing.T) {
	t.Parallel()
	pool, stored := trips(t)
	err := pool.AskAndWrite(t.Context(), nothing, func(b *pgx.Batch) error {
		b.Queue(`insert into public.trip values (1) returning n`).QueryRow(func(pgx.Row) error { return errors.New("unread") })
		return nil
	})
	if !errors.Is(err, pg.ErrOutcomeUnknown) || fault.KindOf(err) != fault.Unavailable || stored() != 1 {
		t.Errorf("%v, %d rows", err, stored())
	}
}
