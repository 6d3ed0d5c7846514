package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bazaar/shared/fault"
)

func TestGateBoundsWorkAndWaiting(t *testing.T) {
	t.Parallel()
	const parallel, waiting, callers = 2, 3, 40
	g, err := newGate(parallel, waiting)
	if err != nil {
		t.Fatal(err)
	}
	var (
		at, most, done, refused atomic.Int32
		open                    = make(chan struct{})
		started                 = make(chan struct{}, callers)
		wg                      sync.WaitGroup
	)
	for range callers {
		wg.Go(func() {
			err := g.Do(t.Context(), func() {
				n := at.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				started <- struct{}{}
				<-open
				at.Add(-1)
				done.Add(1)
			})
			if f := fault.Of(err); f != nil {
				if f.Kind != fault.Limited || f.Code != "limited" || f.RetryAfter <= 0 {
					t.Errorf("refused with %v", err)
				}
				if refused.Add(1) == callers-parallel-waiting {
					close(open)
				}
			}
		})
	}
	wg.Wait()
	if most.Load() != parallel || done.Load() != parallel+waiting || refused.Load() != callers-parallel-waiting {
		t.Errorf("at once %d, done %d, refused %d", most.Load(), done.Load(), refused.Load())
	}
}

func TestGateLetsGoOfWhoGaveUp(t *testing.T) {
	t.Parallel()
	g, err := newGate(1, 1)
	if err != nil {
		t.Fatal(err)
	}
	hold, inside := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { _ = g.Do(t.Context(), func() { close(inside); <-hold }) })
	<-inside
	for range 3 { // each leaves its place to the next
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		err := g.Do(ctx, func() { t.Error("it ran after its caller had left") })
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	}
	close(hold)
	wg.Wait()
	if err := g.Do(t.Context(), func() {}); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestGateRefusesOddBounds(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]int{{0, 1}, {-1, 1}, {1, -1}} {
		if _, err := newGate(c[0], c[1]); err == nil {
			t.Errorf("%v is accepted", c)
		}
	}
}
