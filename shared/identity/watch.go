package identity

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/pg"
)

const (
	watchEvery   = 2 * time.Second
	watchTimeout = 2 * time.Second // of one reading
)

// Watch keeps a process's copy of the revoked sessions. It is read whole every
// two seconds: a list of the last ten minutes' sign-outs is short.
//
// What the copy does not know yet, it cannot say; Age tells how old it is, and
// the caller decides what an old one is good for.
type Watch struct {
	pool *pg.Pool
	last atomic.Pointer[reading]
	err  atomic.Pointer[error]
}

// reading is the list as it was at a time.
type reading struct {
	at      time.Time // before the question was sent
	revoked map[string]struct{}
}

// NewWatch knows nothing until Run has read the list once.
func NewWatch(pool *pg.Pool) *Watch { return &Watch{pool: pool} }

// Run reads the list at once and then every two seconds, until ctx ends. A
// reading that fails leaves the one before, growing old.
func (w *Watch) Run(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		err := w.read(ctx)
		w.err.Store(&err)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (w *Watch) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	next := &reading{at: time.Now(), revoked: make(map[string]struct{})}
	rows, err := w.pool.Query(ctx, `select session_id::text from identity.revocation where until > now()`)
	if err != nil {
		return fmt.Errorf("reading the revoked sessions: %w", err)
	}
	var id string
	if _, err = pgx.ForEachRow(rows, []any{&id}, func() error {
		next.revoked[id] = struct{}{}
		return nil
	}); err != nil {
		return fmt.Errorf("reading the revoked sessions: %w", err)
	}
	w.last.Store(next)
	return nil
}

// Revoked reports whether the session was ended, as far as the copy knows.
func (w *Watch) Revoked(sessionID string) bool {
	r := w.last.Load()
	if r == nil {
		return false
	}
	_, revoked := r.revoked[sessionID]
	return revoked
}

// Age is how long ago the copy was taken: the longest time there is before the
// first reading.
func (w *Watch) Age() time.Duration {
	r := w.last.Load()
	if r == nil {
		return math.MaxInt64
	}
	return time.Since(r.at)
}

// Check is the outcome of the last reading, for a report of the process's state.
func (w *Watch) Check(context.Context) error {
	err := w.err.Load()
	if err == nil {
		return errors.New("the revoked sessions have not been read yet")
	}
	return *err
}
