package store_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"bazaar/shared/event"
	"bazaar/shared/outbox"
	"bazaar/shared/pg"
	"bazaar/shared/telemetry"
	"bazaar/tests/support"
)

// publisher is a bus that notes what it was given, and fails when told to.
type publisher struct {
	mu    sync.Mutex
	seen  []event.Event
	fails func(event.Event) bool
	delay func([]event.Event) time.Duration
}

func (p *publisher) Check(context.Context) error { return nil }

func (p *publisher) PublishAll(ctx context.Context, events []event.Event) []error {
	errs := make([]error, len(events))
	var wait time.Duration
	if p.delay != nil {
		wait = p.delay(events)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, ev := range events {
		if p.fails != nil && p.fails(ev) {
			errs[i] = errors.New("no")
			continue
		}
		p.seen = append(p.seen, ev)
	}
	return errs
}

func (p *publisher) ids() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var ids []string
	for _, ev := range p.seen {
		ids = append(ids, ev.ID)
	}
	return ids
}

func reserved(t testing.TB, id string) event.Event {
	t.Helper()
	ev, err := event.New("order.reserved", id, "order", map[string]string{"order_id": id})
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

// about is ev of another aggregate.
func about(aggregate string, ev event.Event) event.Event {
	ev.Subject = aggregate
	return ev
}

// put adds events to the outbox as if they were written a minute ago.
func put(t testing.TB, pool *pg.Pool, aggregate string, ids ...string) {
	t.Helper()
	ctx := context.Background()
	for _, id := range ids {
		err := pool.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			return outbox.Add(ctx, tx, about(aggregate, reserved(t, id)))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := pool.Exec(ctx, `update outbox.event set created_at = now() - interval '1 minute'`); err != nil {
		t.Fatal(err)
	}
}

func waiting(t testing.TB, pool *pg.Pool) int {
	t.Helper()
	var n int
	if err := pool.QueryRow(context.Background(), `select count(*) from outbox.event`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func relay(pool *pg.Pool, to outbox.Bus) *outbox.Relay {
	return &outbox.Relay{Pool: pool, Bus: to, Log: slog.New(slog.DiscardHandler)}
}

func TestEventIsAsDurableAsItsTransaction(t *testing.T) {
	t.Parallel()
	pool := support.Postgres(t)
	ctx := deadline(t, 30*time.Second)
	no := errors.New("changed my mind")
	err := pool.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := outbox.Add(ctx, tx, reserved(t, "1")); err != nil {
			return err
		}
		return no
	})
	if !errors.Is(err, no) || waiting(t, pool) != 0 {
		t.Errorf("%v, %d rows", err, waiting(t, pool))
	}
}

func TestPublishTakesTheRowsOfWhatWasStored(t *testing.T) {
	t.Parallel()
	pool := support.Postgres(t)
	ctx := deadline(t, 30*time.Second)
	events := []event.Event{reserved(t, "1"), reserved(t, "2"), reserved(t, "3")}
	if err := outbox.Add(ctx, pool, events...); err != nil {
		t.Fatal(err)
	}
	to := &publisher{fails: func(ev event.Event) bool { return ev.ID == "2" }}
	outbox.Publish(ctx, pool, to, events)
	var left []string
	rows, err := pool.Query(ctx, `select event_id from outbox.event`)
	if err == nil {
		left, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil || fmt.Sprint(left) != "[2]" {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestRelayLeavesFreshRows(t *testing.T) {
	t.Parallel()
	pool := support.Postgres(t)
	ctx := deadline(t, 30*time.Second)
	to := &publisher{}
	if err := outbox.Add(ctx, pool, reserved(t, "1")); err != nil {
		t.Fatal(err)
	}
	if n, err := relay(pool, to).Sweep(ctx); n != 0 || err != nil {
		t.Errorf("published %d, %v", n, err)
	}
}

// TestRelaysKeepTheOrderOfAnAggregate runs four relays at once over aggregates
// whose events must come in order. There are more rows than one relay locks, and
// those with the first events are slow to publish: a relay that took the rows
// behind them would be faster.
func TestRelaysKeepTheOrderOfAnAggregate(t *testing.T) {
	t.Parallel()
	pool := support.Postgres(t)
	ctx := deadline(t, 60*time.Second)
	const aggregates, each = 300, 4
	_, err := pool.Exec(ctx, `
		insert into outbox.event (event_id, aggregate, type, body, created_at)
		select a || '-' || i, a, 'order.reserved', jsonb_build_object('specversion', '1.0', 'id', a || '-' || i,
			'source', '/t', 'type', 'order.reserved', 'time', now()), now() - interval '1 minute'
		from generate_series(0, $1 - 1) i, generate_series(1, $2::int) a order by i, a`, each, aggregates)
	if err != nil {
		t.Fatal(err)
	}
	to := &publisher{delay: func(events []event.Event) time.Duration {
		if strings.HasSuffix(events[0].ID, "-0") {
			return 50 * time.Millisecond
		}
		return 0
	}}
	var relays sync.WaitGroup
	for range 4 {
		relays.Go(func() {
			for waiting(t, pool) > 0 {
				if _, err := relay(pool, to).Sweep(ctx); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	relays.Wait()
	next := map[string]int{}
	for _, id := range to.ids() {
		var a, i int
		if _, err := fmt.Sscanf(id, "%d-%d", &a, &i); err != nil {
			t.Fatal(err)
		}
		key := fmt.Sprint(a)
		if i != next[key] {
			t.Fatalf("aggregate %d: event %d came when %d was next", a, i, next[key])
		}
		next[key]++
	}
	if len(to.ids()) != aggregates*each {
		t.Errorf("%d events published, %d written", len(to.ids()), aggregates*each)
	}
}

// TestStuckEventKeepsOnlyItsAggregateBack has more stuck aggregates than the
// relay looks at in one step.
func TestStuckEventKeepsOnlyItsAggregateBack(t *testing.T) {
	t.Parallel()
	pool := support.Postgres(t)
	ctx := deadline(t, 60*time.Second)
	_, err := pool.Exec(ctx, `
		insert into outbox.event (event_id, aggregate, type, body, created_at)
		select 'stuck', 's' || n, 'stuck', jsonb_build_object('specversion', '1.0', 'id', 'stuck', 'source', '/t',
			'type', 'stuck', 'time', now()), now() - interval '1 minute' from generate_series(1, 1200) n`)
	if err != nil {
		t.Fatal(err)
	}
	put(t, pool, "s1", "behind a stuck one")
	put(t, pool, "free", "first", "second")
	to := &publisher{fails: func(ev event.Event) bool { return ev.ID == "stuck" }}
	n, err := relay(pool, to).Sweep(ctx)
	if n != 2 || err == nil || fmt.Sprint(to.ids()) != "[first second]" {
		t.Errorf("published %d, %v: %v", n, err, to.ids())
	}
}

func TestRelayDoesWhatPublishCouldNot(t *testing.T) {
	t.Parallel()
	pool, server := support.Postgres(t), support.NATS(t)
	b := server.Bus()
	ctx, stop := context.WithCancel(telemetry.WithTraceParent(deadline(t, 60*time.Second),
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
	events := []event.Event{reserved(t, "1"), reserved(t, "2")}
	if err := outbox.Add(ctx, pool, events...); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	outbox.Publish(ctx, pool, b, events)
	if waiting(t, pool) != 2 {
		t.Fatal("rows went although nothing was published")
	}
	registry := prometheus.NewRegistry()
	r := relay(pool, b)
	r.Metrics = registry
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx)
	}()
	server.Start()
	eventually(t, "the relay empties the outbox", func() bool { return waiting(t, pool) == 0 })
	got := stored(t, server, "ORDERS")
	if fmt.Sprint(ids(got)) != "[1 2]" {
		t.Errorf("stored %v", ids(got))
	}
	if got[0].TraceParent != "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" {
		t.Errorf("its trace is %q", got[0].TraceParent)
	}
	eventually(t, "the figures follow", func() bool {
		return gauge(t, registry, "bazaar_outbox_relayed_total") == 2 && gauge(t, registry, "bazaar_outbox_waiting_events") == 0
	})
	stop()
	<-done
}
