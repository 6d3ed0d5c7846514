// Package schema is what the stores must look like: the SQL migrations and the
// JetStream streams, as data, and the two ways to apply them. Nothing else
// changes tables or streams. Applying is idempotent, waits for others who apply
// at the same time, and never takes anything away.
package schema

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// lockID names the advisory lock that migrations hold; goose retries it every second.
const lockID = 0x62617a616172 // "bazaar"

// ApplySQL brings the database of config to the newest migration and tells what
// it did, a line each. Two at once are safe: one waits for the other, up to a minute.
func ApplySQL(ctx context.Context, config *pgx.ConnConfig) ([]string, error) {
	db := stdlib.OpenDB(*config)
	defer func() { _ = db.Close() }()
	provider, err := newProvider(db)
	if err != nil {
		return nil, err
	}
	applied, err := provider.Up(ctx)
	var done []string
	for _, r := range applied {
		done = append(done, fmt.Sprintf("migration %s applied in %s", r.Source.Path, r.Duration.Round(1e6)))
	}
	if err != nil {
		return done, fmt.Errorf("applying the SQL migrations: %w", err)
	}
	return done, nil
}

func newProvider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("reading the embedded migrations: %w", err)
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockID(lockID), lock.WithLockTimeout(1, 60))
	if err != nil {
		return nil, fmt.Errorf("making the lock of the migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker))
	if err != nil {
		return nil, fmt.Errorf("reading the migrations: %w", err)
	}
	return provider, nil
}
