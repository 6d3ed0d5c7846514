package entry_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"bazaar/infra/schema"
	"bazaar/shared/bus"
	"bazaar/shared/idem"
	"bazaar/tests/support"
)

// record is the record of a user's key in Redis, and its name there; both are
// empty when there is none.
func (w *world) record(user, key string) (name, text string) {
	w.t.Helper()
	names, err := w.cache.Keys(w.t.Context(), "idem:*:"+idem.Key{Scope: idem.ScopeOrder, Owner: user, Key: key}.ID()).Result()
	must(w.t, err)
	if len(names) != 1 {
		return "", ""
	}
	text, err = w.cache.Get(w.t.Context(), names[0]).Result()
	must(w.t, err)
	return names[0], text
}

// create-order dies after the order is in the queue and before it has answered.
func TestCrashedCallIsTakenOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	crashing, next := w.orders(), w.orders()
	gone := make(chan answer)
	go func() { gone <- crashing.order("alice", "k", oneTea, "Prefer", "wait=10") }()
	until(t, "the order is in the queue", func() bool { return len(w.queued()) == 1 })
	crashing.Kill()
	<-gone
	next.order("alice", "k", oneTea).is(t, 409, "idempotency_key_in_progress")
	next.order("alice", "k", twoTeas).is(t, 422, "idempotency_key_reused")

	// The price goes up while the lease runs out.
	_, err := w.pool.Exec(t.Context(), `update catalog.product set amount = 999, updated_at = now()`)
	must(t, err)
	until(t, "the new price is known", func() bool {
		return next.order("bob", fmt.Sprint(time.Now().UnixNano()), oneTea).order.Total.Amount == 999
	})
	name, record := w.record("alice", "k")
	words := strings.SplitN(record, " ", 3) // p <until> …
	if words[0] != "p" {
		t.Fatalf("the key is not in progress: %q", record)
	}
	words[1] = "0"
	must(t, w.cache.Set(t.Context(), name, strings.Join(words, " "), redis.KeepTTL).Err())
	a := next.order("alice", "k", oneTea).is(t, 202, "")
	if a.replayed || a.order.Total.Amount != 250 {
		t.Errorf("taken over with %s", a.body)
	}
	w.reserving()
	until(t, "the queue is empty", func() bool { return len(w.queued()) == 0 })
	if n := w.count(`select count(*) from orders.order where order_id = $1 and amount = 250`, a.order.OrderID); n != 1 {
		t.Errorf("%d orders", n)
	}
}

func TestEmptiedRedis(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.orders()
	before := f.order("alice", "before", oneTea).is(t, 202, "")
	until(t, "the answer is kept", func() bool {
		_, record := w.record("alice", "before")
		return strings.HasPrefix(record, "d ")
	})
	must(t, w.cache.FlushAll(t.Context()).Err())
	// The order is in the queue only: nobody may call its key new, nor any other.
	for range 3 {
		if a := f.order("alice", "before", oneTea).is(t, 503, "unavailable"); a.retry != "1" {
			t.Errorf("Retry-After %q", a.retry)
		}
		f.order("alice", "before", twoTeas).is(t, 503, "unavailable")
		f.order("alice", "after", oneTea).is(t, 503, "unavailable")
	}
	w.reserving()
	until(t, "the queue has passed", func() bool { return f.order("alice", "after", oneTea).status == 202 })
	if a := f.order("alice", "before", oneTea).is(t, 202, ""); a.body != before.body || !a.replayed {
		t.Errorf("the first answer was %s, now %s", before.body, a.body)
	}
	f.order("alice", "before", twoTeas).is(t, 422, "idempotency_key_reused")
	f.order("alice", "after", twoTeas).is(t, 422, "idempotency_key_reused")
	if a := f.order("alice", "after", oneTea).is(t, 202, ""); !a.replayed {
		t.Error("the answer after the loss was not kept")
	}
	until(t, "both orders are stored", func() bool { return w.count(`select count(*) from orders.order`) == 2 })
}

func TestRedisAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.orders()
	before := f.order("alice", "before", oneTea).is(t, 202, "")
	w.redis.Kill()
	f.order("alice", "before", oneTea).is(t, 503, "unavailable")
	f.order("alice", "new", oneTea).is(t, 503, "unavailable")
	if n := len(w.queued()); n != 1 {
		t.Errorf("%d events are queued", n)
	}
	must(t, w.redis.Start(t.Context())) // empty
	w.reserving()
	until(t, "orders are taken again", func() bool { return f.order("alice", "new", oneTea).status == 202 })
	if a := f.order("alice", "before", oneTea).is(t, 202, ""); a.body != before.body {
		t.Errorf("the first answer was %s, now %s", before.body, a.body)
	}
}

func TestQueueAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.orders()
	f.order("alice", "warm", oneTea).is(t, 202, "")
	w.nats.Stop()
	until(t, "the loss is noticed", func() bool { return f.order("alice", "k", oneTea).status == 503 })
	f.order("alice", "free", oneTea).is(t, 503, "unavailable")
	w.nats.Start()
	until(t, "orders are taken again", func() bool { return f.order("alice", "other", oneTea).status == 202 })
	f.order("alice", "free", twoTeas).is(t, 202, "") // another body: the key was free
}

func TestQueueFull(t *testing.T) {
	t.Parallel()
	w := newWorldOf(t, support.PostgresSettings(t), schema.StreamSettings{QueueMaxBytes: 16 << 10, Replicas: 1})
	f := w.orders()
	var full answer
	var key string
	until(t, "the queue is full", func() bool {
		key = fmt.Sprint(time.Now().UnixNano())
		full = f.order("alice", key, oneTea)
		return full.status != 202
	})
	if full.is(t, 503, "queue_full"); full.retry == "" {
		t.Error("no Retry-After")
	}
	queue, err := w.nats.JetStream().Stream(t.Context(), bus.QueueStream)
	must(t, err)
	must(t, queue.Purge(t.Context()))
	f.order("alice", key, twoTeas).is(t, 202, "") // another body: the key was free
}

// As long as Redis has lost nothing, an order does not need Postgres.
func TestPostgresAway(t *testing.T) {
	t.Parallel()
	settings, server := support.FreshPostgres(t)
	w := newWorldOf(t, settings, schema.StreamSettings{QueueMaxBytes: 64 << 20, Replicas: 1})
	f := w.orders()
	before := f.order("alice", "before", oneTea).is(t, 202, "")
	server.Kill()
	f.order("alice", "new", oneTea).is(t, 202, "")
	if a := f.order("alice", "before", oneTea).is(t, 202, ""); a.body != before.body {
		t.Errorf("got %s", a.body)
	}
	if a := f.order("alice", "waiting", oneTea, "Prefer", "wait=1").is(t, 202, ""); !strings.Contains(a.body, "placed") {
		t.Errorf("got %s", a.body)
	}
	must(t, w.cache.FlushAll(t.Context()).Err())
	f.order("alice", "lost", oneTea).is(t, 503, "unavailable")
}
