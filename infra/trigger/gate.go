package trigger

import (
	"context"
	"slices"
	"sync"
)

// gate bounds the calls in flight of one function. Who waits is let in by
// urgency first and by arrival second, so that money passes a sale that fills
// every place.
type gate struct {
	mu           sync.Mutex
	limit, taken int
	urgent, rest []chan struct{} // one place each, handed over by closing
}

func newGate(limit int) *gate { return &gate{limit: limit} }

// enter takes a place, or fails with ctx.
func (g *gate) enter(ctx context.Context, urgent bool) error {
	g.mu.Lock()
	if g.taken < g.limit && len(g.urgent) == 0 && (urgent || len(g.rest) == 0) {
		g.taken++
		g.mu.Unlock()
		return nil
	}
	place := make(chan struct{})
	if urgent {
		g.urgent = append(g.urgent, place)
	} else {
		g.rest = append(g.rest, place)
	}
	g.mu.Unlock()

	select {
	case <-place:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.forget(place) { // it was handed over meanwhile: give it on
		g.taken--
		g.admit()
	}
	return context.Cause(ctx)
}

// forget takes a waiter out of its queue; false when it already has its place.
func (g *gate) forget(place chan struct{}) bool {
	for _, queue := range []*[]chan struct{}{&g.urgent, &g.rest} {
		if i := slices.Index(*queue, place); i >= 0 {
			*queue = slices.Delete(*queue, i, i+1)
			return true
		}
	}
	return false
}

// leave gives a place back.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.taken--
	g.admit()
}

// resize changes the bound; calls beyond a smaller one end as they are.
func (g *gate) resize(limit int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limit = limit
	g.admit()
}

// admit hands free places over. The lock is held.
func (g *gate) admit() {
	for g.taken < g.limit {
		var place chan struct{}
		switch {
		case len(g.urgent) > 0:
			place, g.urgent = g.urgent[0], g.urgent[1:]
		case len(g.rest) > 0:
			place, g.rest = g.rest[0], g.rest[1:]
		default:
			return
		}
		g.taken++
		close(place)
	}
}

// busy reports whether more than one place is taken: the caller's, who has one.
func (g *gate) busy() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.taken > 1
}
