package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"bazaar/shared/bus"
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

func TestPublishedIsStored(t *testing.T) {
	t.Parallel()
	b := support.Bus(t)
	ctx := deadline(t, 20*time.Second)
	for i := range 3 {
		if err := b.Publish(ctx, placed(t, fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	if last, err := b.LastSeq(ctx, bus.QueueStream); err != nil || last != 3 {
		t.Errorf("last %d, %v", last, err)
	}
}
