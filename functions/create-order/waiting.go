package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"bazaar/shared/order"
)

const (
	// pace is between two looks into the store while anyone waits.
	pace = 20 * time.Millisecond
	// slowPace is the same while the store does not answer.
	slowPace = 200 * time.Millisecond
	// looking bounds one look.
	looking = time.Second
)

// waiting is everybody in this process who waits for an order to be decided.
// One look serves them all, so that a thousand who wait cost the store no more
// than one.
type waiting struct {
	views func(ctx context.Context, ids []string) (map[string]order.View, error)

	mu      sync.Mutex
	waiters map[string][]chan order.View // by order id
	looks   bool                         // a goroutine is looking
}

func newWaiting(views func(ctx context.Context, ids []string) (map[string]order.View, error)) *waiting {
	return &waiting{views: views, waiters: map[string][]chan order.View{}}
}

// For is Decided's. An order that the store has is decided: it is reserved or
// rejected in the transaction that writes it.
func (w *waiting) For(ctx context.Context, id string, atMost time.Duration) (order.View, bool) {
	decided := make(chan order.View, 1)
	w.join(id, decided)
	defer w.leave(id, decided)
	over := time.NewTimer(atMost)
	defer over.Stop()
	select {
	case v := <-decided:
		return v, true
	case <-over.C:
	case <-ctx.Done():
	}
	return order.View{}, false
}

func (w *waiting) join(id string, c chan order.View) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiters[id] = append(w.waiters[id], c)
	if !w.looks {
		w.looks = true
		go w.look() // ends when the last one leaves
	}
}

func (w *waiting) leave(id string, c chan order.View) {
	w.mu.Lock()
	defer w.mu.Unlock()
	rest := slices.DeleteFunc(w.waiters[id], func(other chan order.View) bool { return other == c })
	if len(rest) == 0 {
		delete(w.waiters, id)
		return
	}
	w.waiters[id] = rest
}

// look asks the store about all who wait, again and again, until nobody does.
func (w *waiting) look() {
	next := time.NewTimer(pace)
	defer next.Stop()
	for {
		<-next.C
		ids := w.wanted()
		if ids == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), looking)
		views, err := w.views(ctx, ids)
		cancel()
		if err != nil {
			// Nobody is told: who has waited long enough is answered without the store.
			next.Reset(slowPace)
			continue
		}
		w.deliver(views)
		next.Reset(pace)
	}
}

// wanted is whom to ask about; with nobody left the looking ends.
func (w *waiting) wanted() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiters) == 0 {
		w.looks = false
		return nil
	}
	ids := make([]string, 0, len(w.waiters))
	for id := range w.waiters {
		ids = append(ids, id)
	}
	return ids
}

func (w *waiting) deliver(views map[string]order.View) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, v := range views {
		for _, c := range w.waiters[id] {
			select {
			case c <- v:
			default: // has it
			}
		}
	}
}
