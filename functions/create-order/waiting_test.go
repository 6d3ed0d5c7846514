package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bazaar/shared/order"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEverybodyWhoWaitsIsServedByOneLook(t *testing.T) {
	var mu sync.Mutex
	var looks int
	decided := map[string]order.View{}
	w := newWaiting(func(_ context.Context, ids []string) (map[string]order.View, error) {
		mu.Lock()
		defer mu.Unlock()
		looks++
		if looks == 1 {
			return nil, errors.New("away")
		}
		found := map[string]order.View{}
		for _, id := range ids {
			if v, ok := decided[id]; ok {
				found[id] = v
			}
		}
		return found, nil
	})
	var all sync.WaitGroup
	for i := range 500 {
		id := fmt.Sprint(i % 250) // two wait for each
		all.Go(func() {
			if v, ok := w.For(t.Context(), id, 10*time.Second); !ok || v.OrderID != id {
				t.Errorf("%s: got %q, %t", id, v.OrderID, ok)
			}
		})
	}
	mu.Lock()
	for i := range 250 {
		decided[fmt.Sprint(i)] = order.View{OrderID: fmt.Sprint(i)}
	}
	mu.Unlock()
	all.Wait()
	mu.Lock()
	defer mu.Unlock()
	if looks > 50 {
		t.Errorf("%d looks", looks)
	}
}

func TestWaitingEnds(t *testing.T) {
	w := newWaiting(func(context.Context, []string) (map[string]order.View, error) { return nil, nil })
	if _, ok := w.For(t.Context(), "a", 30*time.Millisecond); ok {
		t.Error("an order that is not decided came back")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ok := w.For(ctx, "a", time.Hour); ok {
		t.Error("who left got an order")
	}
	if len(w.waiters) != 0 {
		t.Errorf("%d are still waited for", len(w.waiters))
	}
}
