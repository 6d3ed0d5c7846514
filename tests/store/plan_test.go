package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

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
func lookups(t *testing.T, pool *pg.Pool) int64 { return scans(t, pool, "event_event_id") }

// scans is how often an index was gone to.
func scans(t *testing.T, pool *pg.Pool, index string) (n int64) {
	t.Helper()
	_, err := pool.Exec(t.Context(), `select pg_stat_force_next_flush()`)
	must(t, err)
	must(t, pool.QueryRow(t.Context(), `select idx_scan from pg_stat_user_indexes where indexrelname = $1`, index).Scan(&n))
	return n
}

// TestQuestionsAboutAConversationReadItsMembersOnly, also where the server knows
// nothing of the table yet: it was seen to go through everybody's conversations
// for each of them, by the index of what users are in.
func TestQuestionsAboutAConversationReadItsMembersOnly(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	const groups, size = 40, 25
	var ids []string
	for g := range groups {
		var members []string
		for m := range size {
			members = append(members, fmt.Sprint("u", (g+m)%groups))
		}
		ids = append(ids, h.found(t, fmt.Sprint("owner", g), members...))
	}
	settings := h.settings
	settings.MaxConns = 1
	pool := support.OpenPostgres(t, settings) // it has planned nothing, and counts by itself
	before := scans(t, pool, "member_of_user")
	for _, id := range ids {
		users, err := h.Users(t.Context(), pool, []string{id, ids[0]})
		must(t, err)
		page, _, err := h.Roster(t.Context(), pool, "u0", ids[0], "", 10)
		must(t, err)
		if len(users[id]) != size+1 || len(page) != 10 {
			t.Fatalf("%d users, and a page of %d", len(users[id]), len(page))
		}
		must(t, pool.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
			_, err := h.Members(ctx, tx, id, []string{"u0", "u1"})
			return err
		}))
	}
	must(t, pool.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		r, err := h.Lock(ctx, tx, ids[1])
		if err == nil {
			_, err = h.Dissolve(ctx, tx, &r)
		}
		return err
	}))
	if n := scans(t, pool, "member_of_user") - before; n != 0 {
		t.Errorf("the index of what users are in was gone to %d times", n)
	}
	_, err := h.Seats(t.Context(), pool, []string{"u0"})
	must(t, err)
	if scans(t, pool, "member_of_user") == before {
		t.Error("what a user is in was not found by its index: nothing is counted")
	}
}
