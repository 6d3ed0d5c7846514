package invariant

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/pg"
)

// shown is how many of the rows that break a rule are given.
const shown = 10

// endTimeout bounds the end of a snapshot.
const endTimeout = 5 * time.Second

// Finding is what became of one rule.
type Finding struct {
	Rule   Rule
	Broken int64    // rows that break it
	Rows   []string // the first of them, ten at most
	Took   time.Duration
}

// Violation is a row that breaks a rule.
type Violation struct {
	Rule string
	Row  string
}

func (v Violation) String() string { return v.Rule + ": " + v.Row }

// Database is where a snapshot is taken: a pool or a connection.
type Database interface {
	BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error)
}

// Snapshot runs look in one read-only transaction that sees the database as it
// is at one moment: rules and figures that are taken in it speak of the same
// moment, however much is written meanwhile. It holds no lock that keeps a
// writer waiting.
func Snapshot(ctx context.Context, db Database, look func(tx pgx.Tx) error) (err error) {
	tx, err := db.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return fmt.Errorf("beginning to look: %w", err)
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
		defer cancel()
		if ended := tx.Rollback(end); err == nil && ended != nil && !errors.Is(ended, pgx.ErrTxClosed) {
			err = fmt.Errorf("ending to look: %w", ended)
		}
	}()
	// Whole tables are joined here, which a pool of ours avoids: in memory where
	// they fit; not in the order of their ids, which lie anywhere in a table; in
	// one process, since others want the processors too; and without a compiler
	// that takes longer than most of the queries.
	if _, err := tx.Exec(ctx, `set local enable_seqscan = on; set local work_mem = '64MB'; set local random_page_cost = 40;
		set local max_parallel_workers_per_gather = 0; set local jit = off`); err != nil {
		return fmt.Errorf("beginning to look: %w", err)
	}
	return look(tx)
}

// Examine holds q against each rule. All are examined, whatever is broken; an
// error means that one could not be.
func Examine(ctx context.Context, q pg.Querier, rules []Rule) ([]Finding, error) {
	found := make([]Finding, 0, len(rules))
	for _, r := range rules {
		f, err := examine(ctx, q, r)
		if err != nil {
			return found, fmt.Errorf("checking %s: %w", r.Name, err)
		}
		found = append(found, f)
	}
	return found, nil
}

func examine(ctx context.Context, q pg.Querier, r Rule) (Finding, error) {
	f := Finding{Rule: r}
	begin := time.Now()
	rows, err := q.Query(ctx, fmt.Sprintf(`with broken (said) as materialized (%s) select said, count(*) over () from broken limit %d`, r.Query, shown), r.Args...)
	if err != nil {
		return f, err
	}
	var row string
	_, err = pgx.ForEachRow(rows, []any{&row, &f.Broken}, func() error {
		f.Rows = append(f.Rows, row)
		return nil
	})
	f.Took = time.Since(begin)
	return f, err
}

// Check gives what breaks the rules that hold at any time, ten rows of each at
// most, on the standard terms. Of a pool or a connection a snapshot is taken; in
// a transaction, which must then be of one snapshot if others write, it looks as
// the transaction does.
func Check(ctx context.Context, q pg.Querier) ([]Violation, error) {
	return check(ctx, q, Always(Standard()))
}

// CheckSettled is Check with the settled rules of these terms, for a shop that
// has come to rest.
func CheckSettled(ctx context.Context, q pg.Querier, t Terms) ([]Violation, error) {
	return check(ctx, q, Rules(t))
}

func check(ctx context.Context, q pg.Querier, rules []Rule) (broken []Violation, err error) {
	look := func(q pg.Querier) error {
		found, err := Examine(ctx, q, rules)
		for _, f := range found {
			for _, row := range f.Rows {
				broken = append(broken, Violation{f.Rule.Name, row})
			}
		}
		return err
	}
	if db, ok := q.(Database); ok {
		err = Snapshot(ctx, db, func(tx pgx.Tx) error { return look(tx) })
		return broken, err
	}
	err = look(q)
	return broken, err
}
