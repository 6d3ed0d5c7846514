// Package pg is the way to PostgreSQL: a pool with our limits, transactions
// whose end is never guessed, and the store's failures as faults. It owns no
// table; each domain owns its own.
package pg

import (
	"context"
	"fmt"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/trace"

	"bazaar/shared/fault"
)

// SchemaVersion is the migration that this code needs. A database that is
// behind it is refused with a clear error; one that is ahead is welcome, since
// migrations expand before they contract.
const SchemaVersion = 7

// Settings say where PostgreSQL is.
type Settings struct {
	URL      string `env:"pg_url" envDefault:"postgres://bazaar@postgres:5432/bazaar?sslmode=disable"`
	Password string `secret:"postgres-password"`
	// MaxConns bounds this process's connections.
	MaxConns int32 `env:"pg_max_conns" envDefault:"3"`
	// ConnectTimeout bounds one attempt to connect.
	ConnectTimeout time.Duration `env:"pg_connect_timeout" envDefault:"2s"`
}

// Querier is what both a pool and a transaction can do. A domain's methods take
// one, so that two domains meet in one transaction of a function.
type Querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// Pool is a pgxpool.Pool with InTx.
type Pool struct {
	*pgxpool.Pool
}

// Open makes a pool and never dials: connections are made on first use, and
// again after the server was away. application is the name seen in
// pg_stat_activity. traces may be nil.
func Open(s Settings, application string, traces trace.TracerProvider) (*Pool, error) {
	c, err := pgxpool.ParseConfig(s.URL)
	if err != nil {
		return nil, fmt.Errorf("reading pg_url: %w", err)
	}
	if s.Password != "" {
		c.ConnConfig.Password = s.Password
	}
	c.ConnConfig.ConnectTimeout = s.ConnectTimeout
	c.ConnConfig.RuntimeParams["application_name"] = application
	c.ConnConfig.RuntimeParams["timezone"] = "UTC"
	if traces != nil {
		c.ConnConfig.Tracer = otelpgx.NewTracer(
			otelpgx.WithTracerProvider(traces), otelpgx.WithDisableSQLStatementInAttributes())
	}
	c.MaxConns = s.MaxConns
	c.AfterConnect = prepare
	pool, err := pgxpool.NewWithConfig(context.Background(), c)
	if err != nil {
		return nil, fmt.Errorf("making the PostgreSQL pool: %w", err)
	}
	return &Pool{pool}, nil
}

// prepare refuses a connection to a database that lacks our migrations, and
// has the others plan by indexes: a connection plans a statement once, often
// while the tables are nearly empty, and what reads a page then as a whole would
// read all of a large table for every order, until the next analyze. Where there
// is no index the plan then bears a fine so high that the server would compile
// it, for 130 ms where the table is empty: it does not.
func prepare(ctx context.Context, conn *pgx.Conn) error {
	var version int64
	err := conn.QueryRow(ctx, `select coalesce(max(version_id), 0) from goose_db_version
		where is_applied and set_config('enable_seqscan', 'off', false) is not null and set_config('jit', 'off', false) is not null`).Scan(&version)
	if IsCode(err, "42P01") {
		err = nil // no table of migrations: nothing was ever applied
	}
	if err != nil {
		return fmt.Errorf("reading the version of the schema: %w", err)
	}
	if version < SchemaVersion {
		return fault.New(fault.Unavailable, "unavailable", "The store is being prepared.").
			Because(fmt.Errorf("the schema is at migration %d, this code needs %d: run migrate", version, SchemaVersion))
	}
	return nil
}
