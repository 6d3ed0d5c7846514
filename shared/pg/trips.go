package pg

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// AskAndWrite is InTx in two round trips: the transaction begins with what ask
// queues, and ends with what write queues once the answers have been read, COMMIT
// included. InTx takes two more, and locks are held through one of them.
//
// Both may run more than once, and must have no effect but through what they
// queue. What the functions of write's queries are given may still be undone.
func (p *Pool) AskAndWrite(ctx context.Context, ask func(*pgx.Batch), write func(*pgx.Batch) error) error {
	return retried(func() error {
		conn, err := p.Acquire(ctx)
		if err != nil {
			return fmt.Errorf("beginning: %w", err)
		}
		defer conn.Release() // one that is still in a transaction is thrown away
		asking := &pgx.Batch{}
		asking.BeginTx(pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
		ask(asking)
		results := conn.SendBatch(ctx, asking)
		tx := results.Tx()
		if err = results.Close(); err == nil {
			writing := &pgx.Batch{}
			if err = write(writing); err == nil {
				return finish(ctx, conn.Conn(), tx, writing)
			}
		}
		return rolledBack(ctx, tx, err)
	})
}

// finish sends the last queries of a transaction with its COMMIT.
func finish(ctx context.Context, conn *pgx.Conn, tx pgx.Tx, writing *pgx.Batch) error {
	writing.Queue("commit").Exec(func(tag pgconn.CommandTag) error {
		if tag.String() != "COMMIT" {
			return pgx.ErrTxCommitRollback
		}
		return nil
	})
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	if err := tx.SendBatch(end, writing).Close(); err != nil {
		if conn.PgConn().TxStatus() == 'I' {
			return commitError(err) // it ended there, or nobody knows
		}
		return rolledBack(ctx, tx, commitError(err))
	}
	return nil
}

// rolledBack ends a transaction that failed by err.
func rolledBack(ctx context.Context, tx pgx.Tx, err error) error {
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	_ = tx.Rollback(end) // the first error counts
	return err
}
