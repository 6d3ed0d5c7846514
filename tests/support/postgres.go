package support

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"bazaar/infra/local/server"
	"bazaar/infra/schema"
	"bazaar/shared/pg"
)

const (
	startTimeout = 60 * time.Second // many test binaries may start at once on a small machine
	stopTimeout  = 10 * time.Second
	password     = "only-for-tests"
)

// database is the one PostgreSQL of this process with its migrated template.
type database struct {
	server *server.Postgres
	admin  *pgxpool.Pool
}

// sharedDatabase is started by the first test that asks.
var sharedDatabase = sync.OnceValues(startDatabase)

func startDatabase() (*database, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	dir, err := folder("postgres")
	if err != nil {
		return nil, err
	}
	s := &server.Postgres{Dir: dir, Password: password, NoSync: true,
		Options: []string{"max_connections=400", "shared_buffers=64MB"}}
	if err := s.Start(ctx); err != nil {
		return nil, err
	}
	config, err := pgx.ParseConfig(s.URL())
	if err != nil {
		return nil, fmt.Errorf("reading the server's address: %w", err)
	}
	config.Password = password
	if _, err := schema.ApplySQL(ctx, config); err != nil {
		return nil, err
	}
	admin, err := pgxpool.New(ctx, s.AdminURL()+"&pool_max_conns=2")
	if err != nil {
		return nil, fmt.Errorf("making the pool of the superuser: %w", err)
	}
	return &database{server: s, admin: admin}, nil
}

// PostgresSettings gives a new, migrated, empty database of its own to the test
// and drops it at the end. Use it for what opens its own pools, or more than one.
func PostgresSettings(t testing.TB) pg.Settings {
	t.Helper()
	d, err := sharedDatabase()
	if err != nil {
		t.Fatalf("PostgreSQL for the tests: %v", err)
	}
	name := fmt.Sprintf("test_%d", serial.Add(1))
	d.exec(t, "create database "+name+" template bazaar owner bazaar")
	t.Cleanup(func() { d.exec(t, "drop database "+name+" with (force)") })
	return pg.Settings{URL: d.server.DatabaseURL(name), Password: password, MaxConns: 10, ConnectTimeout: 5 * time.Second}
}

func (d *database) exec(t testing.TB, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if _, err := d.admin.Exec(ctx, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// Postgres is a pool of 10 connections to a database of the test's own.
func Postgres(t testing.TB) *pg.Pool {
	t.Helper()
	return OpenPostgres(t, PostgresSettings(t))
}

// OpenPostgres is one more pool, closed with the test.
func OpenPostgres(t testing.TB, s pg.Settings) *pg.Pool {
	t.Helper()
	pool, err := pg.Open(s, "test", nil)
	if err != nil {
		t.Fatalf("opening the pool: %v", err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// PostgresURL is the address of a database of the test's own, with the password in it.
func PostgresURL(t testing.TB) string {
	t.Helper()
	return strings.Replace(PostgresSettings(t).URL, "bazaar@", "bazaar:"+password+"@", 1)
}

// FreshPostgres is a PostgreSQL server of the test's own, migrated, to be
// stopped, killed and started again. It costs a second or two.
func FreshPostgres(t testing.TB) (pg.Settings, *server.Postgres) {
	t.Helper()
	dir, err := folder("postgres")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	s := &server.Postgres{Dir: dir, Password: password, NoSync: true}
	if err := s.Start(ctx); err != nil {
		t.Fatalf("PostgreSQL for the test: %v", err)
	}
	t.Cleanup(s.Kill)
	config, err := pgx.ParseConfig(s.URL())
	if err != nil {
		t.Fatalf("reading the server's address: %v", err)
	}
	config.Password = password
	if _, err := schema.ApplySQL(ctx, config); err != nil {
		t.Fatalf("migrating: %v", err)
	}
	return pg.Settings{URL: s.URL(), Password: password, MaxConns: 10, ConnectTimeout: 2 * time.Second}, s
}
