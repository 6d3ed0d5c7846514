package store_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"bazaar/infra/schema"
	"bazaar/shared/bus"
	"bazaar/shared/event"
	"bazaar/shared/telemetry"
	"bazaar/tests/support"
)

// TestPublishedIsStored has many callers, whose events must all be stored once,
// each caller's in its order, in fewer messages than events.
func TestPublishedIsStored(t *testing.T) {
	t.Parallel()
	n := support.NATS(t)
	tel, err := telemetry.Start(context.Background(), "test", telemetry.Settings{}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	b := n.BusWith(tel)
	ctx := deadline(t, 60*time.Second)
	const callers, each = 32, 30
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			for i := range each {
				if err := b.Publish(ctx, placed(t, fmt.Sprintf("%d-%d", c, i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	next := map[int]int{}
	events := stored(t, n, bus.QueueStream)
	for _, ev := range events {
		var c, i int
		if _, err := fmt.Sscanf(ev.ID, "%d-%d", &c, &i); err != nil {
			t.Fatal(err)
		}
		if i != next[c] {
			t.Fatalf("caller %d: event %d came when %d was next", c, i, next[c])
		}
		next[c]++
	}
	last, err := b.LastSeq(ctx, bus.QueueStream)
	if err != nil || len(events) != callers*each || last >= uint64(len(events)) {
		t.Errorf("%d events in %d messages, %v", len(events), last, err)
	}
	if got := gauge(t, tel.Metrics, "bazaar_bus_events_total"); got != callers*each {
		t.Errorf("%v events counted", got)
	}
}

func TestPublishAllKeepsTheOrderAndTheTrace(t *testing.T) {
	t.Parallel()
	n := support.NATS(t)
	b := n.Bus()
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	ctx := telemetry.WithTraceParent(deadline(t, 20*time.Second), parent)
	own := reserved(t, "own trace")
	own.TraceParent = "00-11111111111111111111111111111111-2222222222222222-01"
	var events []event.Event
	var want []string
	for i := range 200 {
		events = append(events, reserved(t, fmt.Sprint(i)))
		want = append(want, fmt.Sprint(i))
	}
	wrong := placed(t, "")
	events, want = append(events, wrong, own), append(want, "own trace")
	for i, err := range b.PublishAll(ctx, events) {
		if (err != nil) != (i == 200) {
			t.Errorf("event %d: %v", i, err)
		}
	}
	got := stored(t, n, bus.OrdersStream)
	if strings.Join(ids(got), " ") != strings.Join(want, " ") {
		t.Errorf("stored %v", ids(got))
	}
	if got[0].TraceParent != parent || got[200].TraceParent != own.TraceParent {
		t.Errorf("traces %q and %q", got[0].TraceParent, got[200].TraceParent)
	}
}

// BenchmarkPublish compares group commit with a message for each event, from 64
// callers, on a server that syncs every write. The figure that counts is
// times-alone: how many times as many events a second.
func BenchmarkPublish(b *testing.B) {
	n := support.NewNATS(b, func(o *natsserver.Options) { o.SyncAlways = true })
	if _, err := schema.ApplyStreams(deadline(b, 20*time.Second), n.JetStream(), schema.StreamSettings{QueueMaxBytes: 4 << 30, Replicas: 1}); err != nil {
		b.Fatal(err)
	}
	grouped, js := n.Bus(), n.JetStream()
	const callers, events = 64, 6400
	body, err := event.EncodeBatch([]event.Event{placed(b, "0123456789abcdef")})
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	measure := func(publish func() error) time.Duration {
		began := time.Now()
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				for range events / callers {
					if err := publish(); err != nil {
						b.Error(err)
					}
				}
			})
		}
		all.Wait()
		return time.Since(began)
	}
	var group, alone time.Duration
	for b.Loop() {
		group += measure(func() error { return grouped.Publish(ctx, placed(b, "0123456789abcdef")) })
		alone += measure(func() error {
			_, err := js.PublishMsg(ctx, &nats.Msg{Subject: "order.placed", Data: body})
			return err
		})
	}
	b.ReportMetric(float64(b.N*events)/group.Seconds(), "events/s")
	b.ReportMetric(float64(b.N*events)/alone.Seconds(), "alone/s")
	b.ReportMetric(alone.Seconds()/group.Seconds(), "times-alone")
}
