package trigger

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func TestGateLetsTheUrgentFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1)
		ctx := t.Context()
		if err := g.enter(ctx, false); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var order []string
		wait := func(name string, urgent bool) {
			go func() {
				if g.enter(ctx, urgent) != nil {
					return
				}
				mu.Lock()
				order = append(order, name)
				mu.Unlock()
				g.leave()
			}()
			synctest.Wait()
		}
		wait("a", false)
		wait("b", false)
		wait("pay", true)
		wait("pay again", true)
		g.leave()
		synctest.Wait()
		if !slices.Equal(order, []string{"pay", "pay again", "a", "b"}) {
			t.Errorf("order %v", order)
		}
	})
}

func TestGateForgetsWhoLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1)
		_ = g.enter(t.Context(), false)
		ctx, cancel := context.WithCancel(t.Context())
		var err error
		go func() { err = g.enter(ctx, true) }()
		synctest.Wait()
		cancel()
		synctest.Wait()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		g.leave()
		if g.taken != 0 {
			t.Errorf("%d places are taken by nobody", g.taken)
		}
		g.resize(2)
		for range 2 {
			if err := g.enter(t.Context(), false); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestGateUnderContention(t *testing.T) {
	t.Parallel()
	g := newGate(4)
	var now, most atomic.Int32
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			for range 50 {
				ctx, cancel := context.WithCancel(t.Context())
				if i%5 == 0 {
					cancel()
				}
				if g.enter(ctx, i%2 == 0) == nil {
					n := now.Add(1)
					for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					}
					now.Add(-1)
					g.leave()
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if most.Load() > 4 || g.taken != 0 {
		t.Errorf("%d at once, %d places taken at the end", most.Load(), g.taken)
	}
}
