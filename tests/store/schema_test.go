// Package store_test tries each domain's SQL and Lua, and the tools below them,
// against real PostgreSQL, Redis and NATS servers, above all under contention.
package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"bazaar/infra/schema"
	"bazaar/shared/bus"
	"bazaar/tests/support"
)

func TestEachTestHasItsDatabase(t *testing.T) {
	t.Parallel()
	a, b := support.Postgres(t), support.Postgres(t)
	put(t, a, "a", "1")
	if n := waiting(t, b); n != 0 {
		t.Errorf("%d rows of another test", n)
	}
}

func TestEachTestHasItsRedis(t *testing.T) {
	t.Parallel()
	a, b := support.Redis(t), support.Redis(t)
	ctx := context.Background()
	if err := a.Set(ctx, "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if n, err := b.DBSize(ctx).Result(); err != nil || n != 0 {
		t.Errorf("%d keys of another test, %v", n, err)
	}
}

func config(t testing.TB, js jetstream.JetStream, stream string) jetstream.StreamConfig {
	t.Helper()
	s, err := js.Stream(deadline(t, 10*time.Second), stream)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().Config
}

var small = schema.StreamSettings{QueueMaxBytes: 1 << 20, Replicas: 1}

func TestStreamsAreAsDesigned(t *testing.T) {
	t.Parallel()
	n := support.NATS(t, small)
	js := n.JetStream()
	for name, want := range map[string]struct {
		subject   string
		retention jetstream.RetentionPolicy
		age       time.Duration
	}{
		bus.QueueStream:    {"order.placed", jetstream.WorkQueuePolicy, 0},
		bus.OrdersStream:   {"order.completed", jetstream.LimitsPolicy, 7 * 24 * time.Hour},
		bus.PaymentsStream: {"payment.notified", jetstream.LimitsPolicy, 30 * 24 * time.Hour},
		bus.MessagesStream: {"message.stored", jetstream.LimitsPolicy, 24 * time.Hour},
		bus.MissedStream:   {"message.missed", jetstream.LimitsPolicy, 24 * time.Hour},
		bus.CronStream:     {"cron.settle-order", jetstream.WorkQueuePolicy, 0},
		bus.DeadStream:     {"dead.settle-order", jetstream.LimitsPolicy, 0},
	} {
		got := config(t, js, name)
		taker, err := js.StreamNameBySubject(deadline(t, 10*time.Second), want.subject)
		if err != nil || taker != name {
			t.Errorf("%s goes to %q, %v", want.subject, taker, err)
		}
		if got.Retention != want.retention || got.MaxAge != want.age || got.Storage != jetstream.FileStorage {
			t.Errorf("%s: %s, %s, %s", name, got.Retention, got.MaxAge, got.Storage)
		}
		if got.MaxBytes <= 0 || got.PersistMode != jetstream.DefaultPersistMode {
			t.Errorf("%s: %d bytes at most, persist mode %v", name, got.MaxBytes, got.PersistMode)
		}
		if wantNew := name != bus.CronStream && name != bus.MissedStream; (got.Discard == jetstream.DiscardNew) != wantNew {
			t.Errorf("%s: discards %s", name, got.Discard)
		}
	}
	consumer, err := js.Consumer(deadline(t, 10*time.Second), bus.QueueStream, bus.QueueConsumer)
	if err != nil {
		t.Fatal(err)
	}
	c := consumer.CachedInfo().Config
	if c.AckPolicy != jetstream.AckExplicitPolicy || c.MaxDeliver != -1 || c.AckWait != 5*time.Second || c.MaxAckPending < 4096 {
		t.Errorf("the consumer of the queue: %+v", c)
	}
}

func TestApplyingAgainChangesNothing(t *testing.T) {
	t.Parallel()
	n := support.NATS(t, small)
	done, err := schema.ApplyStreams(deadline(t, 10*time.Second), n.JetStream(), small)
	if err != nil || len(done) != 0 {
		t.Errorf("it did %q, %v", done, err)
	}
}

// TestApplyingNeverTakesAway finds streams that an operator, or a newer version, made wider.
func TestApplyingNeverTakesAway(t *testing.T) {
	t.Parallel()
	n := support.NATS(t, small)
	js, ctx := n.JetStream(), deadline(t, 20*time.Second)
	wider := config(t, js, bus.OrdersStream)
	wider.Subjects = append(wider.Subjects, "order.refunded")
	wider.MaxAge, wider.MaxBytes = 0, wider.MaxBytes*2
	wider.Metadata = map[string]string{bus.VersionKey: "9", "note": "kept"}
	if _, err := js.UpdateStream(ctx, wider); err != nil {
		t.Fatal(err)
	}
	queue := config(t, js, bus.QueueStream)
	queue.MaxBytes = 4 << 20
	if _, err := js.UpdateStream(ctx, queue); err != nil {
		t.Fatal(err)
	}
	done, err := schema.ApplyStreams(ctx, js, schema.StreamSettings{QueueMaxBytes: 8 << 20, Replicas: 1})
	if err != nil || len(done) != 1 || done[0] != "stream QUEUE updated" {
		t.Errorf("it did %q, %v", done, err)
	}
	if done, err := schema.ApplyStreams(ctx, js, small); err != nil || len(done) != 0 {
		t.Errorf("with smaller settings it did %q, %v", done, err)
	}
	got := config(t, js, bus.OrdersStream)
	if len(got.Subjects) != len(wider.Subjects) || got.MaxAge != 0 || got.MaxBytes != wider.MaxBytes ||
		bus.VersionOf(got.Metadata) != 9 || got.Metadata["note"] != "kept" {
		t.Errorf("ORDERS became %+v", got)
	}
	if got := config(t, js, bus.QueueStream); got.MaxBytes != 8<<20 {
		t.Errorf("QUEUE takes %d bytes", got.MaxBytes)
	}
}

func TestApplyingWidensAnOldStream(t *testing.T) {
	t.Parallel()
	n := support.NewNATS(t, nil)
	js, ctx := n.JetStream(), deadline(t, 20*time.Second)
	_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: bus.OrdersStream, Subjects: []string{"order.paid"},
		MaxAge: time.Hour, Storage: jetstream.FileStorage})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := schema.ApplyStreams(ctx, js, small); err != nil {
		t.Fatal(err)
	}
	got := config(t, js, bus.OrdersStream)
	if len(got.Subjects) != 6 || got.MaxAge != 7*24*time.Hour || got.MaxBytes <= 0 ||
		got.Discard != jetstream.DiscardNew || bus.VersionOf(got.Metadata) != bus.StreamsVersion {
		t.Errorf("ORDERS became %+v", got)
	}
}

func TestApplyingRefusesWhatCannotBeChanged(t *testing.T) {
	t.Parallel()
	n := support.NewNATS(t, nil)
	js, ctx := n.JetStream(), deadline(t, 20*time.Second)
	_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: bus.QueueStream, Subjects: []string{"order.placed"},
		Storage: jetstream.FileStorage})
	if err != nil {
		t.Fatal(err)
	}
	_, err = schema.ApplyStreams(ctx, js, small)
	if err == nil || !strings.Contains(err.Error(), "QUEUE") || !strings.Contains(err.Error(), "cannot be changed") {
		t.Errorf("it says: %v", err)
	}
}
