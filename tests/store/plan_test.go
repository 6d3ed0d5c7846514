package store_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"bazaar/shared/event"
	"bazaar/shared/order"
	"bazaar/shared/outbox"
	"bazaar/shared/pg"
	"bazaar/tests/support"
)

// TestPlansOfASmallShopServeALargeOne: a connection plans its statements, and
// those of the foreign keys, once. What was cheap when the tables had a page,
// to read all of it, would be read for each order when they have a thousand.
func TestPlansOfASmallShopServeALargeOne(t *testing.T) {
	t.Parallel()
	const batches, size = 30, 256
	settings := support.PostgresSettings(t)
	settings.MaxConns = 1
	s := &shop{Pool: support.OpenPostgres(t, settings)} // its one connection makes the plans
	t.Cleanup(func() { support.MustHold(t, s) })
	busy := &shop{Pool: support.OpenPostgres(t, settings)}
	must(t, s.restock(t.Context(), "A", 1_000_000))
	must(t, s.restock(t.Context(), "B", 1_000_000))
	trade := func() {
		t.Helper()
		must(t, s.trade(t.Context(), "early", order.Pay, order.Ship, order.Receive))
	}
	trade()
	_, err := s.Exec(t.Context(), `analyze`) // as autovacuum does some day
	must(t, err)
	for range 8 { // plans are for any values from the sixth on
		trade()
	}
	for range batches {
		var drafts []order.Draft
		for range size {
			drafts = append(drafts, draft("many", "A"))
		}
		_, err := busy.reserve(t.Context(), time.Hour, drafts...)
		must(t, err)
	}
	before := readRows(t, s.Pool)
	trade()
	if read := readRows(t, s.Pool) - before; read > batches*size/2 {
		t.Errorf("one order among %d read %d rows of whole tables", batches*size, read)
	}
}

// readRows is how many rows were read by reading tables from their beginning.
// What a connection has done is counted when its turn comes to say so.
func readRows(t *testing.T, pool *pg.Pool) (n int64) {
	t.Helper()
	_, err := pool.Exec(t.Context(), `select pg_stat_force_next_flush()`)
	must(t, err)
	must(t, pool.QueryRow(t.Context(), `select sum(seq_tup_read)::bigint from pg_stat_user_tables
		where schemaname in ('orders', 'stock', 'payment', 'outbox')`).Scan(&n))
	return n
}

// TestSettlingLooksUpEachEventOnce, however many rows the server took the outbox
// to have when it planned: it was seen to ask for all ids again for each row.
func TestSettlingLooksUpEachEventOnce(t *testing.T) {
	t.Parallel()
	const each = 256
	settings := support.PostgresSettings(t)
	settings.MaxConns = 1
	pool := support.OpenPostgres(t, settings)
	for _, rows := range []int{0, 1, 10, 300, 1000} {
		_, err := pool.Exec(t.Context(), `delete from outbox.event`)
		must(t, err)
		fill := func(n int) (ids []string) {
			var events []event.Event
			for range n {
				events = append(events, reserved(t, uuid.NewString()))
				ids = append(ids, events[len(events)-1].ID)
			}
			must(t, outbox.Add(t.Context(), pool, events...))
			return ids
		}
		fill(rows)
		_, err = pool.Exec(t.Context(), `vacuum analyze outbox.event`)
		must(t, err)
		fill(1000)
		for range 8 { // plans are for any values from the sixth on
			ids := fill(each)
			before := lookups(t, pool)
			must(t, outbox.Settle(t.Context(), pool, ids))
			if n := lookups(t, pool) - before; n > 2*each {
				t.Fatalf("%d events, planned with %d rows, were looked up %d times", each, rows, n)
			}
		}
	}
}

// lookups is how often an event was looked for by its id.
func lookups(t *testing.T, pool *pg.Pool) (n int64) {
	t.Helper()
	_, err := pool.Exec(t.Context(), `select pg_stat_force_next_flush()`)
	must(t, err)
	must(t, pool.QueryRow(t.Context(), `select idx_scan from pg_stat_user_indexes where indexrelname = 'event_event_id'`).Scan(&n))
	return n
}
