// Package stores ties what a function stands on to the function's life: each
// store is opened without dialling, reported in /_/ready and closed after the
// last call. It is the one place where the runtime and the stores meet, and it
// owns nothing.
package stores

import (
	"context"

	"bazaar/shared/auth"
	"bazaar/shared/bus"
	"bazaar/shared/fn"
	"bazaar/shared/identity"
	"bazaar/shared/pg"
	"bazaar/shared/rdb"
)

// Postgres opens the pool of a function.
func Postgres(run *fn.Runtime, s pg.Settings) (*pg.Pool, error) {
	pool, err := pg.Open(s, run.Name, run.Telemetry.Traces)
	if err != nil {
		return nil, err
	}
	run.OnStop("postgres", func(context.Context) error { pool.Close(); return nil })
	run.Report("postgres", pool.Ping)
	return pool, nil
}

// Redis opens the client of a function.
func Redis(run *fn.Runtime, s rdb.Settings) (*rdb.Client, error) {
	client, err := rdb.Open(s)
	if err != nil {
		return nil, err
	}
	run.OnStop("redis", func(context.Context) error { return client.Close() })
	run.Report("redis", func(ctx context.Context) error { return client.Ping(ctx).Err() })
	return client, nil
}

// NATS opens the bus of a function.
func NATS(run *fn.Runtime, s bus.Settings) (*bus.Bus, error) {
	queue, err := bus.Open(s, run.Name, run.Telemetry)
	if err != nil {
		return nil, err
	}
	run.OnStop("nats", queue.Close)
	run.Report("nats", queue.Check)
	return queue, nil
}

// UserDoor is the door for people: tokens by these settings, and the list of
// revoked sessions kept up from pool as long as the function runs.
func UserDoor(run *fn.Runtime, pool *pg.Pool, s auth.TokenSettings) (fn.UserDoor, error) {
	tokens, err := auth.NewVerifier(s)
	if err != nil {
		return fn.UserDoor{}, err
	}
	revoked := identity.NewWatch(pool)
	run.Go("revocations", revoked.Run)
	run.Report("revocations", revoked.Check)
	return fn.UserDoor{Tokens: tokens, Revoked: revoked}, nil
}
