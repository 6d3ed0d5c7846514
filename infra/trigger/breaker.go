package trigger

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// How long a consumer pauses: doubled from the first to the longest while the
// function stays away; a Retry-After is obeyed up to its own bound.
const (
	firstPause      = 250 * time.Millisecond
	longestPause    = 10 * time.Second
	longestObeyed   = time.Minute
	pauseJitterPart = 4 // up to a quarter is added, so that triggers do not march in step
)

// breaker pauses one consumer while its function cannot take events. It never
// gives up: after each pause one call goes through, and its answer decides.
// It is also where a function that is missing from the list is shut.
type breaker struct {
	mu      sync.Mutex
	shut    bool          // the function is missing
	trips   int           // pauses in a row; zero is closed: calls go through
	until   time.Time     // end of the present pause
	probing bool          // the one call after a pause is on its way
	turn    uint64        // counts pauses, so that older answers change nothing
	changed chan struct{} // closed when something above changes
}

// ticket is the right to make one call.
type ticket struct{ turn uint64 }

func newBreaker() *breaker { return &breaker{changed: make(chan struct{})} }

// enter waits until a call may be made, or fails with ctx.
func (b *breaker) enter(ctx context.Context) (ticket, error) {
	for {
		t, ok, again, changed := b.try(time.Now())
		if ok {
			return t, nil
		}
		if err := await(ctx, again, changed); err != nil {
			return ticket{}, err
		}
	}
}

// try takes a ticket if a call may be made now. Otherwise it says when to try
// again (zero: not before a change) and what tells of a change.
func (b *breaker) try(now time.Time) (t ticket, ok bool, again time.Duration, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.shut || b.probing:
		return ticket{}, false, 0, b.changed
	case b.trips == 0:
		return ticket{b.turn}, true, 0, nil
	case now.Before(b.until):
		return ticket{}, false, b.until.Sub(now), b.changed
	}
	b.probing = true
	return ticket{b.turn}, true, 0, nil
}

// fetch waits until it makes sense to ask for messages: not in a pause, and
// after one only if nothing is held that could be the call that decides.
func (b *breaker) fetch(ctx context.Context, held func() bool) error {
	for {
		b.mu.Lock()
		wait, changed := time.Duration(0), b.changed
		open := !b.shut && b.trips == 0
		if !b.shut && b.trips > 0 && !b.probing {
			wait = time.Until(b.until)
			open = wait <= 0 && !held()
			wait = max(wait, firstPause) // what is held may be given up meanwhile
		}
		b.mu.Unlock()
		if open {
			return context.Cause(ctx)
		}
		if err := await(ctx, wait, changed); err != nil {
			return err
		}
	}
}

// await waits for d (zero: no bound) or for changed, or fails with ctx.
func await(ctx context.Context, d time.Duration, changed <-chan struct{}) error {
	var passed <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		passed = timer.C
	}
	select {
	case <-passed:
	case <-changed:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// settle gives a ticket back after a call that the function could take.
// It reports whether this ended a pause.
func (b *breaker) settle(t ticket) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.turn != b.turn || b.trips == 0 {
		return false
	}
	b.trips, b.probing = 0, false
	b.tell()
	return true
}

// abandon gives a ticket back without a call.
func (b *breaker) abandon(t ticket) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.turn == b.turn && b.probing {
		b.probing = false
		b.tell()
	}
}

// trip gives a ticket back after a call that the function could not take, and
// pauses for at least after. The calls that were under way together are one
// reason to pause, not many. It reports the pause, zero when there is none new.
func (b *breaker) trip(t ticket, after time.Duration, now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.turn != b.turn {
		return 0
	}
	pause := min(firstPause<<min(b.trips, 10), longestPause)
	pause = max(pause, min(after, longestObeyed))
	pause += rand.N(pause/pauseJitterPart + 1)
	b.turn++
	b.trips++
	b.probing = false
	b.until = now.Add(pause)
	b.tell()
	return pause
}

// setShut holds everything back, or lets it go on.
func (b *breaker) setShut(shut bool) (changed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shut == shut {
		return false
	}
	b.shut = shut
	if !shut { // a function that came back deserves a call at once
		b.until = time.Time{}
	}
	b.tell()
	return true
}

// open reports whether calls are held back.
func (b *breaker) open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.shut || b.trips > 0
}

func (b *breaker) tell() {
	close(b.changed)
	b.changed = make(chan struct{})
}
