package main

import (
	"context"
	"fmt"
	"time"

	"bazaar/shared/fault"
)

// gate bounds work that is dear: so many at once, so many waiting, no more.
type gate struct {
	inside chan struct{} // who works or waits
	works  chan struct{}
}

func newGate(parallel, waiting int) (*gate, error) {
	if parallel < 1 || waiting < 0 {
		return nil, fmt.Errorf("hash_parallel is %d and hash_queue %d: they must be at least 1 and 0", parallel, waiting)
	}
	return &gate{inside: make(chan struct{}, parallel+waiting), works: make(chan struct{}, parallel)}, nil
}

// Do runs f when its turn comes. Errors: the fault limited when too many wait
// already, the context's own when it ends first; then f has not run.
func (g *gate) Do(ctx context.Context, f func()) error {
	select {
	case g.inside <- struct{}{}:
		defer func() { <-g.inside }()
	default:
		return fault.New(fault.Limited, "limited", "Too many people are signing in; try again shortly.").After(time.Second)
	}
	select {
	case g.works <- struct{}{}:
		defer func() { <-g.works }()
	case <-ctx.Done():
		return fmt.Errorf("waiting for a turn: %w", ctx.Err())
	}
	f()
	return nil
}
