// create-payment starts a payment for an order at the provider, and shows a
// payment to its buyer.
package main

import (
	"context"

	"bazaar/shared/auth"
	"bazaar/shared/bus"
	"bazaar/shared/fn"
	"bazaar/shared/idem"
	"bazaar/shared/identity"
	"bazaar/shared/order"
	"bazaar/shared/payment"
	"bazaar/shared/payment/alipay"
	"bazaar/shared/pg"
	"bazaar/shared/rdb"
)

type settings struct {
	PG     pg.Settings
	Redis  rdb.Settings
	Bus    bus.Settings
	Tokens auth.TokenSettings
	Alipay alipay.ClientSettings
}

func main() { fn.Main("create-payment", assemble) }

func assemble(_ context.Context, run *fn.Runtime, s *settings) (fn.Routes, error) {
	tokens, err := auth.NewVerifier(s.Tokens)
	if err != nil {
		return nil, err
	}
	provider, err := alipay.NewClient(s.Alipay)
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
		Store: pool, Orders: order.Store{}, Payments: payment.Store{}, Provider: provider,
		Accepted: idem.NewRedis(cache, queue, order.Stored(pool)),
		Keys:     idem.NewPostgres(pool), Log: run.Log,
	}
	user := fn.UserDoor{Tokens: tokens, Revoked: revoked}
	return fn.Routes{
		fn.User(user, "POST /{order}", fn.Step(h.Create), fn.Money(), fn.NeedsKey()),
		fn.User(user, "GET /{payment}", fn.Step(h.Show)),
	}, nil
}
