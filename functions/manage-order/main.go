// manage-order shows orders to their buyers and to admins, cancels them, and
// follows them through shipping and receipt.
package main

import (
	"context"

	"bazaar/shared/auth"
	"bazaar/shared/bus"
	"bazaar/shared/fn"
	"bazaar/shared/idem"
	"bazaar/shared/identity"
	"bazaar/shared/order"
	"bazaar/shared/outbox"
	"bazaar/shared/payment"
	"bazaar/shared/pg"
	"bazaar/shared/rdb"
	"bazaar/shared/stock"
)

type settings struct {
	PG     pg.Settings
	Redis  rdb.Settings
	Bus    bus.Settings
	Tokens auth.TokenSettings
}

func main() { fn.Main("manage-order", assemble) }

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

	h := &Handler{
		Store: pool, Orders: order.Store{}, Stock: stock.Store{}, Payments: payment.Store{},
		Accepted: idem.NewRedis(cache, queue, order.Stored(pool)),
		Record:   outbox.Add,
		Announce: outbox.Announcer(pool, queue),
	}
	user := fn.UserDoor{Tokens: tokens, Revoked: revoked}
	return fn.Routes{
		fn.User(user, "GET /{$}", fn.Step(h.List)),
		fn.User(user, "GET /{order}", fn.Step(h.Show)),
		fn.User(user, "POST /{order}/cancel", fn.Step(h.Cancel), fn.Money()),
		fn.User(user, "POST /{order}/ship", fn.Step(h.Ship), fn.Roles(auth.RoleWarehouse, auth.RoleAdmin)),
		fn.User(user, "POST /{order}/receive", fn.Step(h.Receive)),
	}, nil
}
