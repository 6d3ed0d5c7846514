// create-payment starts a payment for an order at the provider, and shows a
// payment to its buyer.
package main

import (
	"context"

	"bazaar/shared/auth"
	"bazaar/shared/bus"
	"bazaar/shared/fn"
	"bazaar/shared/idem"
	"bazaar/shared/order"
	"bazaar/shared/payment"
	"bazaar/shared/payment/alipay"
	"bazaar/shared/pg"
	"bazaar/shared/rdb"
	"bazaar/shared/stores"
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
	provider, err := alipay.NewClient(s.Alipay)
	if err != nil {
		return nil, err
	}
	run.OnStop("provider", func(context.Context) error { provider.Close(); return nil })
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

	h := &Handler{
		Store: pool, Orders: order.Store{}, Payments: payment.Store{}, Provider: provider,
		Accepted: idem.NewRedis(cache, queue, order.Stored(pool)),
		Keys:     idem.NewPostgres(pool), Log: run.Log,
	}
	return fn.Routes{
		fn.User(user, "POST /{order}", fn.Step(h.Create), fn.Money(), fn.NeedsKey()),
		fn.User(user, "GET /{payment}", fn.Step(h.Show)),
	}, nil
}
