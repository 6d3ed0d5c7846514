package pg

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErrOutcomeUnknown marks a COMMIT whose answer never came: it may or may not
// have happened. The idempotency key, or the natural key of the effect, tells.
var ErrOutcomeUnknown = errors.New("the outcome of the commit is unknown")

// commitTimeout bounds a COMMIT. It does not follow the caller's deadline: a
// commit that is cancelled half way has an outcome that nobody knows.
const commitTimeout = 5 * time.Second

// attempts is how often a transaction is tried that the server gave up for
// another's sake (deadlock, serialization).
const attempts = 3

// InTx runs f in a READ COMMITTED transaction and commits it when f returns
// nil. f may run more than once and must have no effect but through tx. What
// comes back is a fault, or f's own error as it was.
func (p *Pool) InTx(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) error) error {
	return retried(func() error { return p.once(ctx, f) })
}

// retried tries a transaction again that the server gave up.
func retried(run func() error) error {
	var err error
	for range attempts {
		if err = run(); !IsCode(err, "40P01") && !IsCode(err, "40001") {
			break
		}
	}
	return Fault(err, "running a transaction")
}

func (p *Pool) once(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) error) error {
	tx, err := p.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return fmt.Errorf("beginning: %w", err)
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	defer tx.Rollback(end) //nolint:errcheck // after a commit it is a no-op; otherwise the first error counts
	if err := f(ctx, tx); err != nil {
		return err
	}
	end, cancel = context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	if err := tx.Commit(end); err != nil {
		return commitError(err)
	}
	return nil
}

// commitError tells a commit that the server refused from one whose answer was lost.
func commitError(err error) error {
	var refused *pgconn.PgError
	if errors.As(err, &refused) || errors.Is(err, pgx.ErrTxCommitRollback) {
		return fmt.Errorf("committing: %w", err)
	}
	return fmt.Errorf("committing: %w: %w", ErrOutcomeUnknown, err)
}

// Now is the database's clock, by which decisions are made.
func Now(ctx context.Context, q Querier) (time.Time, error) {
	var now time.Time
	err := q.QueryRow(ctx, `select now()`).Scan(&now)
	return now, Fault(err, "asking for the time")
}
