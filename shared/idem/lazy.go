package idem

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// lag is how long an answer may wait to be kept, so that those of many calls
	// go in one round trip.
	lag = 20 * time.Millisecond
	// mostLate bounds the answers that wait; one more is kept at once.
	mostLate = 4096
	// later is the pause before another attempt while Redis is away, and
	// tooLate how long after it was given an answer is given up.
	later   = 100 * time.Millisecond
	tooLate = time.Minute
	// lastFlush bounds what is left to do when Run ends.
	lastFlush = 2 * time.Second
)

// Lazy is a Redis that keeps answers a moment after they were given: the store's
// part in a call is halved. Until then the key is in progress, and Do, which
// waits for that longer than the lag, finds the answer.
//
// While Redis is away the answers wait for it, for a minute at most. A process
// that is killed takes the answers of the last moment with it. Their
// keys are in progress until the lease ends, and are then taken over: the same
// is done again with the same progress. So it is for effects only whose answer
// is the same again.
type Lazy struct {
	*Redis
	log *slog.Logger

	mu   sync.Mutex
	late []answered
	wake chan struct{} // something waits

	away atomic.Bool // Redis, at the last attempt
}

type answered struct {
	record Record
	answer Answer
	at     time.Time
}

// NewLazy makes a store around s. Run must run for as long as it is used.
func NewLazy(s *Redis, log *slog.Logger) *Lazy {
	return &Lazy{Redis: s, log: log, wake: make(chan struct{}, 1)}
}

// Finish takes the answer in, to be kept within 20 ms as long as Redis is there.
// That another attempt has taken the key over meanwhile is only logged.
func (l *Lazy) Finish(ctx context.Context, r Record, a Answer) error {
	l.mu.Lock()
	full := len(l.late) >= mostLate
	if !full {
		l.late = append(l.late, answered{r, a, time.Now()})
	}
	l.mu.Unlock()
	if full {
		return l.Redis.Finish(ctx, r, a)
	}
	l.rouse()
	return nil
}

// Away reports whether answers wait because Redis was not there.
func (l *Lazy) Away() bool { return l.away.Load() }

func (l *Lazy) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Run keeps the answers until ctx ends, and then those that are left. Calls must
// have ended by then.
func (l *Lazy) Run(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for ctx.Err() == nil {
		select {
		case <-l.wake:
		case <-ctx.Done():
		}
		pause.Reset(lag)
		if l.Away() {
			pause.Reset(later)
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
		l.flush(context.WithoutCancel(ctx))
	}
	// What came in while the last ones were being kept.
	l.flush(context.WithoutCancel(ctx))
}

func (l *Lazy) flush(ctx context.Context) {
	l.mu.Lock()
	late := l.late
	l.late = nil
	l.mu.Unlock()
	if len(late) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lastFlush)
	defer cancel()
	again, err := l.finishAll(ctx, late)
	if err != nil && !l.Away() {
		l.log.WarnContext(ctx, "keeping answers to keys", "answers", len(late), "again", len(again), "error", err)
	}
	l.away.Store(len(again) > 0)
	if again = slices.DeleteFunc(again, func(a answered) bool { return time.Since(a.at) > tooLate }); len(again) > 0 {
		l.mu.Lock()
		l.late = append(again, l.late...)
		l.mu.Unlock()
		l.rouse()
	}
}
