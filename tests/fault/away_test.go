package fault_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

	"bazaar/shared/bus"
	"bazaar/tests/support"
)

// away is how long a store is away.
func away(t *testing.T) time.Duration {
	t.Helper()
	return time.Duration(support.Number(t, "FAULT_AWAY", 5) * float64(time.Second))
}

// boundQueue lets the queue hold so many bytes for the rest of the test.
func (h *house) boundQueue(t *testing.T, bytes int64) {
	t.Helper()
	stream, err := h.js.Stream(t.Context(), bus.QueueStream)
	if err != nil {
		t.Fatal(err)
	}
	before := stream.CachedInfo().Config
	small := before
	small.MaxBytes = bytes
	if _, err := h.js.UpdateStream(t.Context(), small); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := h.js.UpdateStream(context.Background(), before); err != nil {
			t.Error(err)
		}
	})
}

// queue is the state of the queue.
func (h *house) queue(t *testing.T) jetstream.StreamState {
	t.Helper()
	stream, err := h.js.Stream(t.Context(), bus.QueueStream)
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State
}

// TestPostgresAway stops every process of PostgreSQL under load: orders are
// accepted, to the end of its absence, until the queue is full, then refused with
// queue_full; and all that were accepted are there afterwards.
func TestPostgresAway(t *testing.T) {
	h := open(t)
	h.trust(t) // PostgreSQL is asked about every new key for 72 h after Redis lost its memory
	rate, long := support.Number(t, "FAULT_RATE", 40), away(t)
	early := newLoad(t, h, 11, rate, long)
	early.paying = 0
	late, full := *early, *early
	late.seed, late.length = 12, min(long/2, 10*time.Second)
	full.seed, full.length = 13, 5*time.Second
	early.length = long - late.length
	began := time.Now()
	if err := h.Signal("postgres", syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	records := early.run(t.Context())
	still := late.run(t.Context())
	t.Logf("PostgreSQL away for %s: %v, of them in the last %s: %v; %d bytes in the queue", time.Since(began).Round(time.Second),
		tally(slices.Concat(records, still)), late.length, tally(still), h.queue(t).Bytes)
	taken(t, still)

	// What is left of the queue holds about a second's orders.
	h.boundQueue(t, int64(h.queue(t).Bytes)+int64(rate)<<10)
	refused := full.run(t.Context())
	records = slices.Concat(records, still, refused)
	t.Logf("with the queue nearly full: %v, %d bytes in it", tally(refused), h.queue(t).Bytes)
	if counts := tally(refused); counts["202"] == 0 || counts["503 queue_full"] == 0 {
		t.Errorf("answers %v, want some accepted and some refused with queue_full", counts)
	}
	if err := h.Signal("postgres", syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	refusals(t, records)
	h.heal(t)
	began = time.Now()
	h.settle(t, records)
	t.Logf("all caught up after %s", time.Since(began).Round(time.Millisecond))
	h.mustHold(t, records)
}

// taken checks that every key was accepted, and nobody told to come again.
func taken(t *testing.T, records []*record) {
	t.Helper()
	if len(records) == 0 {
		t.Error("nobody has come")
	}
	if i := slices.IndexFunc(records, func(r *record) bool { _, body := r.accepted(); return body < 0 }); i >= 0 {
		t.Errorf("key %s, and perhaps others, is not accepted: %v", records[i].key, records[i].answers)
	}
	for code := range tally(records) {
		if !slices.Contains([]string{"202", "409 idempotency_key_in_progress", "422 idempotency_key_reused"}, code) {
			t.Errorf("somebody was answered %s", code)
		}
	}
}

// refusals checks that who comes with a new key is accepted, or told when to come
// again.
func refusals(t *testing.T, records []*record) {
	t.Helper()
	for _, r := range records {
		for _, a := range r.answers {
			if a.Status == 0 || a.Status >= 500 && a.Status != http.StatusServiceUnavailable {
				t.Errorf("while PostgreSQL is away: %s", a)
			}
			if a.Status == http.StatusServiceUnavailable && a.Retry == "" {
				t.Errorf("%s does not say when to come again", a)
			}
		}
	}
}

// TestRedisAway stops Redis: a key that is new is refused, nobody gets a second
// order, and nobody a body under another's key.
func TestRedisAway(t *testing.T) {
	for name, strike := range map[string]func(h *house) error{
		"paused":  func(h *house) error { return h.Signal("redis", syscall.SIGSTOP) },
		"emptied": func(h *house) error { return h.forget(context.Background()) },
		"killed":  func(h *house) error { return h.Signal("redis", syscall.SIGKILL) },
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			buyer := h.as(t, "redis-"+uuid.NewString()[:8])
			sku := h.product(t, 100)
			before := h.batch(t, buyer, sku, 3)
			// What is in the queue keeps Redis from being sure.
			if err := h.Signal("reserve-stock", syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			waiting := newRecord(buyer, sku)
			if !within(patience, waiting.resolve) {
				t.Fatal(waiting.answers)
			}
			if err := strike(h); err != nil {
				t.Fatal(err)
			}
			fresh := []*record{newRecord(buyer, sku), newRecord(buyer, sku), newRecord(buyer, sku)}
			all := slices.Concat(before, []*record{waiting}, fresh)
			each(all, func(r *record) { r.ask(0); r.ask(1) })
			t.Logf("old keys: %v; in the queue: %v; new keys: %v", tally(before), tally([]*record{waiting}), tally(fresh))
			for code := range tally(fresh) {
				if code != "503 unavailable" && code != "0" {
					t.Errorf("a new key was answered %s", code)
				}
			}
			h.heal(t)
			h.settle(t, all)
			h.mustHold(t, all)
			h.holds(t, sku, len(all))
		})
	}
}

func newRecord(buyer person, sku string) *record {
	return &record{owner: buyer, key: uuid.NewString(), lines: [2][]line{{{sku, 1}}, {{sku, 5}}}}
}

// TestNATSAway cuts create-order off the queue: 503, and the key is free, also
// for another body.
func TestNATSAway(t *testing.T) {
	h := open(t)
	buyer := h.as(t, "nats-"+uuid.NewString()[:8])
	sku := h.product(t, 100)
	before := h.batch(t, buyer, sku, 1) // the way is known to work
	h.network.cut("create-order>nats")
	records := make([]*record, 5)
	for i := range records {
		records[i] = newRecord(buyer, sku)
		records[i].ask(0)
	}
	counts := tally(records)
	if refused := slices.Collect(maps.Keys(counts)); len(refused) != 1 || !strings.HasPrefix(refused[0], "503 unavailable") {
		t.Errorf("answers %v, want 503 unavailable alone", counts)
	}
	if err := h.network.join("create-order>nats"); err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		var last answer
		if !within(patience, func() bool { last = r.ask(1); return last.Status != http.StatusServiceUnavailable }) || last.Status != http.StatusAccepted {
			t.Errorf("the key is not free for another body: %s", last)
		}
	}
	records = append(records, before...)
	h.settle(t, records)
	h.mustHold(t, records)
}
