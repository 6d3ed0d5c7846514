// create-order takes an order: it prices it, makes it durable in the queue in
// front of PostgreSQL, and answers. One idempotency key gives one order.
package main

import (
	"context"

	"bazaar/shared/auth"
	"bazaar/shared/bus"
	"bazaar/shared/catalog"
	"bazaar/shared/fn"
	"bazaar/shared/idem"
	"bazaar/shared/identity"
	"bazaar/shared/pg"
	"bazaar/shared/rdb"
)

type settings struct {
	PG     pg.Settings
	Redis  rdb.Settings
	Bus    bus.Settings
	Tokens auth.TokenSettings
}

func main() { fn.Main("create-order", assemble) }

func assemble(_ context.Context, run *fn.Runtime, s *settings) (fn.Routes, error) {
	tokens, err := auth.NewVerifier(s.Tokens)
	if err != nil {
		return nil, err
	}
	pool, err := pg.Open(s.PG, run.Name, run.Telemetry.Traces)
	if err != nil {
		return nil, err
	}
	run.OnStop("postgres", func(context.Context) error { pool.Close(); return nil })
	run.Report("postgres", pool.Ping)
	cache, err := rdb.Open(s.Redis)
	if err != nil {
		return nil, err
	}
	run.OnStop("redis", func(context.Context) error { return cache.Close() })
	run.Report("redis", func(ctx context.Context) error { return cache.Ping(ctx).Err() })
	queue, err := bus.Open(s.Bus, run.Name, run.Telemetry)
	if err != nil {
		return nil, err
	}
	run.OnStop("nats", queue.Close)
	run.Report("nats", queue.Check)
	revoked := identity.NewWatch(pool)
	run.Go("revocations", revoked.Run)
	prices := catalog.NewPrices(pool, cache, run.Log)
	run.Go("prices", prices.Run)

	orders := stored{pool: pool}
	keys := idem.NewRedis(cache, queue, orders.known)
	run.Go("markers", keys.Watch)
	h := &Handler{
		Prices: prices, Keys: keys, Queue: queue, Log: run.Log,
		Known: orders.known, Decided: newWaiting(orders.views),
	}
	user := fn.UserDoor{Tokens: tokens, Revoked: revoked}
	return fn.Routes{fn.User(user, "POST /{$}", fn.Step(h.Create), fn.NeedsKey())}, nil
}
