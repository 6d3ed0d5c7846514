package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bazaar/shared/event"
	"bazaar/tests/support"
)

func placed(t testing.TB, id string) event.Event {
	t.Helper()
	ev, err := event.New("order.placed", id, id, map[string]string{"order_id": id})
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

func deadline(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// eventually polls until ok, and fails the test when that takes too long.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-limit.C:
			t.Fatalf("it did not come to this: %s", what)
		case <-tick.C:
		}
	}
}

// stored reads all events of a stream, in order.
func stored(t testing.TB, server *support.NATSServer, stream string) []event.Event {
	t.Helper()
	ctx := deadline(t, 20*time.Second)
	s, err := server.JetStream().Stream(ctx, stream)
	if err != nil {
		t.Fatal(err)
	}
	var events []event.Event
	state := s.CachedInfo().State
	for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
		msg, err := s.GetMsg(ctx, seq)
		if err != nil {
			continue // acknowledged
		}
		batch, err := event.DecodeBatch(msg.Data)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, batch...)
	}
	return events
}

func ids(events []event.Event) []string {
	var ids []string
	for _, ev := range events {
		ids = append(ids, ev.ID)
	}
	return ids
}

// gauge is the sum of a metric's values.
func gauge(t testing.TB, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return sum
}
