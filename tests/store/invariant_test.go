package store_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/infra/invariant"
	"bazaar/shared/order"
	"bazaar/shared/pg"
	"bazaar/tests/support"
)

// errEnough ends a transaction whose damage was seen.
var errEnough = errors.New("enough")

// broken names the rules that do not hold after some damage, which is undone.
func (s *shop) broken(t *testing.T, damage string) []string {
	t.Helper()
	names := map[string]bool{}
	err := s.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, damage)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return errors.New("the damage touches nothing")
		}
		// As in a snapshot: whole tables are examined, by plans that are quick to make.
		if _, err := tx.Exec(ctx, `set local enable_seqscan = on; set local jit = off`); err != nil {
			return err
		}
		broken, err := invariant.CheckSettled(ctx, tx, invariant.Standard())
		if err != nil {
			return err
		}
		for _, v := range broken {
			if v.Row == "" {
				t.Errorf("a row that breaks %s says nothing", v.Rule)
			}
			names[v.Rule] = true
		}
		return errEnough
	})
	if !errors.Is(err, errEnough) {
		t.Errorf("%s: %v", damage, err)
	}
	return slices.Sorted(maps.Keys(names))
}

// Every rule is watched by breaking the store behind the domains' back: it is
// named, and no other but those that must be broken as well.
func TestEveryRuleFindsWhatBreaksIt(t *testing.T) {
	t.Parallel()
	s := newMarket(t)
	if broken, err := invariant.CheckSettled(t.Context(), s, invariant.Standard()); err != nil || len(broken) > 0 {
		t.Fatalf("before any damage: %v %v", broken, err)
	}
	seen := map[string]bool{}
	for _, d := range damages() {
		seen[d.rule] = true
		want := slices.Sorted(slices.Values(append(strings.Fields(d.also), d.rule)))
		if got := s.broken(t, d.sql); !slices.Equal(got, want) {
			t.Errorf("%s, %s: broken are %v, want %v", d.rule, d.what, got, want)
		}
	}
	for _, r := range invariant.Rules(invariant.Standard()) {
		if !seen[r.Name] {
			t.Errorf("nothing shows that %s can be broken", r.Name)
		}
		delete(seen, r.Name)
	}
	for name := range seen {
		t.Errorf("there is no rule %s", name)
	}
}

// The settled rules wait for their time: until then it is no fault that something waits.
func TestSettledRulesArePatient(t *testing.T) {
	t.Parallel()
	s := newMarket(t)
	for what, sql := range map[string]string{
		"an event":              `update outbox.event set created_at = now() - interval '110 seconds'`,
		"a notice":              `update payment.inbox set received_at = now() - interval '110 seconds'`,
		"a reservation":         `update orders.order set expires_at = now() - interval '110 seconds' where state = 'reserved'`,
		"an order that closes":  `update orders.order set expires_at = now() - interval '170 seconds' where state = 'closing'`,
		"a notice that is done": `update payment.inbox set received_at = now() - interval '1 year' where next_try_at is null`,
	} {
		if got := s.broken(t, sql); len(got) > 0 {
			t.Errorf("%s breaks %v", what, got)
		}
	}
	if got := s.broken(t, `update identity.session set ended_at = ended_at - interval '11 minutes' where ended_at is not null;
		delete from identity.revocation`); len(got) > 0 {
		t.Errorf("a session whose last token has expired breaks %v", got)
	}
}

// Everything that waits is counted, and what a person must look at.
func TestFiguresCountWhatWaits(t *testing.T) {
	t.Parallel()
	s := newMarket(t)
	mustExec(t, s, `update outbox.event set created_at = now() - interval '1 hour'`)
	underway, err := invariant.Underway(t.Context(), s)
	must(t, err)
	unresolved, err := invariant.Unresolved(t.Context(), s)
	must(t, err)
	got := map[string]int64{}
	for _, f := range append(underway, unresolved...) {
		got[f.Name] = f.Count
		if f.Name == "outbox" && (f.Oldest < time.Hour || f.Oldest > 2*time.Hour) {
			t.Errorf("the oldest event waits for %s", f.Oldest)
		}
	}
	want := map[string]int64{"outbox": 3, "notices_new": 1, "notices_unmatched": 1, "orders_expiring": 0, "orders_closing": 1,
		"notices_late": 1, "notices_rejected": 1}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A snapshot is of one moment, whatever is written meanwhile, and writes nothing itself.
func TestASnapshotStandsStill(t *testing.T) {
	t.Parallel()
	s := newMarket(t)
	must(t, invariant.Snapshot(t.Context(), s, func(tx pgx.Tx) error {
		var before, after int
		must(t, tx.QueryRow(t.Context(), `select count(*) from orders.order`).Scan(&before))
		s.live(t, "late")
		must(t, tx.QueryRow(t.Context(), `select count(*) from orders.order`).Scan(&after))
		if before != after {
			t.Errorf("%d orders, then %d", before, after)
		}
		if _, err := tx.Exec(t.Context(), `delete from outbox.event`); !pg.IsCode(err, "25006") {
			t.Errorf("it lets us write: %v", err)
		}
		return nil
	}))
	if err := invariant.Snapshot(t.Context(), s, func(pgx.Tx) error { return errEnough }); !errors.Is(err, errEnough) {
		t.Errorf("the look failed, the snapshot says %v", err)
	}
}

// A shop under load gives no false alarm.
func TestRulesHoldAtAnyMomentOfALoad(t *testing.T) {
	t.Parallel()
	const sellers, looks = 4, 25
	s := newShop(t, 100_000, "A", "B")
	ctx, stop := context.WithCancel(t.Context())
	lives := [][]order.Verb{nil, {order.Cancel}, {order.Cancel, order.Conclude}, {order.Pay}, {order.Pay, order.Ship, order.Receive}}
	var selling sync.WaitGroup
	for seller := range sellers {
		selling.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if err := s.trade(t.Context(), fmt.Sprintf("buyer-%d", seller), lives[n%len(lives)]...); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range looks {
		support.MustHold(t, s)
	}
	stop()
	selling.Wait()
	var orders int
	must(t, s.QueryRow(t.Context(), `select count(*) from orders.order`).Scan(&orders))
	if orders < looks {
		t.Errorf("only %d orders were placed meanwhile", orders)
	}
}

// Ten rows of a rule are given, and all are counted.
func TestAFindingShowsTheFirstRows(t *testing.T) {
	t.Parallel()
	s := newMarket(t)
	must(t, s.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into stock.entry (reference, sku, kind) select gen_random_uuid(), 'A', 'restock' from generate_series(1, 25)`)
		must(t, err)
		found, err := invariant.Examine(ctx, tx, invariant.Always(invariant.Standard()))
		must(t, err)
		for _, f := range found {
			if f.Rule.Name != "entry_is_of_its_kind" && f.Broken != 0 {
				t.Errorf("%s: %d broken", f.Rule.Name, f.Broken)
			}
			if f.Rule.Name == "entry_is_of_its_kind" && (f.Broken != 25 || len(f.Rows) != 10) {
				t.Errorf("%d broken, %d rows", f.Broken, len(f.Rows))
			}
			if f.Rule.Settled || f.Took <= 0 {
				t.Errorf("%+v", f)
			}
		}
		_, err = tx.Exec(ctx, `delete from stock.entry where available = 0 and reserved = 0 and sold = 0`)
		return err
	}))
}
