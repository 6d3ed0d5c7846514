// create-order takes an order: it prices it, makes it durable in the queue in
// front of PostgreSQL, and answers. One idempotency key gives one order.
package main

import (
	"context"
	"time"

	"bazaar/shared/auth"
	"bazaar/shared/bus"
	"bazaar/shared/catalog"
	"bazaar/shared/fn"
	"bazaar/shared/idem"
	"bazaar/shared/pg"
	"bazaar/shared/rdb"
	"bazaar/shared/stores"
)

type settings struct {
	PG     pg.Settings
	Redis  rdb.Settings
	Bus    bus.Settings
	Tokens auth.TokenSettings
	// TokenTTL is issue-token's: how long a token lives that nobody has ended.
	TokenTTL time.Duration `env:"token_ttl" envDefault:"10m"`
}

func main() { fn.Main("create-order", assemble) }

func assemble(_ context.Context, run *fn.Runtime, s *settings) (fn.Routes, error) {
	pool, err := stores.Postgres(run, s.PG)
	if err != nil {
		return nil, err
	}
	cache, err := stores.Redis(run, s.Redis)
	if err != nil {
		return nil, err
	}
	queue, err := stores.NATS(run, s.Bus)
	if err != nil {
		return nil, err
	}
	user, err := stores.UserDoor(run, pool, s.Tokens)
	if err != nil {
		return nil, err
	}
	prices := catalog.NewPrices(pool, cache, run.Log)
	run.Go("prices", prices.Run)

	orders := stored{pool: pool}
	keys := idem.NewLazy(idem.NewRedis(cache, queue, orders.known), run.Log)
	run.Go("markers", keys.Watch)
	run.Go("answers", keys.Run)
	h := &Handler{
		Prices: prices, Keys: keys, Queue: queue, Log: run.Log,
		Known: orders.known, Decided: newWaiting(orders.views),
	}
	return routes(user, h, s.TokenTTL), nil
}

// routes takes orders also while PostgreSQL is away, and with it the list of
// who has signed out. Nobody can sign out then, so the list is complete; only a
// process that is cut off alone may not know of somebody, until that one's token
// ends by itself. Placing moves no money, and paying asks for a fresh list.
func routes(user fn.UserDoor, h *Handler, tokenTTL time.Duration) fn.Routes {
	return fn.Routes{fn.User(user, "POST /{$}", fn.Step(h.Create), fn.NeedsKey(), fn.ListAge(tokenTTL))}
}
