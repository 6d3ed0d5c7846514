// manage-order shows orders to their buyers and to admins, cancels them, and
// follows them through shipping and receipt.
package main

import (
	"context"

	"bazaar/shared/auth"
	"bazaar/shared/bus"
	"bazaar/shared/fn"
	"bazaar/shared/idem"
	"bazaar/shared/order"
	"bazaar/shared/outbox"
	"bazaar/shared/payment"
	"bazaar/shared/pg"
	"bazaar/shared/rdb"
	"bazaar/shared/stock"
	"bazaar/shared/stores"
)

type settings struct {
	PG     pg.Settings
	Redis  rdb.Settings
	Bus    bus.Settings
	Tokens auth.TokenSettings
}

func main() { fn.Main("manage-order", assemble) }

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

	h := &Handler{
		Store: pool, Orders: order.Store{}, Stock: stock.Store{}, Payments: payment.Store{},
		Accepted: idem.NewRedis(cache, queue, order.Stored(pool)),
		Record:   outbox.Add,
		Announce: outbox.Announcer(pool, queue),
	}
	return fn.Routes{
		fn.User(user, "GET /{$}", fn.Step(h.List)),
		fn.User(user, "GET /{order}", fn.Step(h.Show)),
		fn.User(user, "POST /{order}/cancel", fn.Step(h.Cancel), fn.Money()),
		fn.User(user, "POST /{order}/ship", fn.Step(h.Ship), fn.Roles(auth.RoleWarehouse, auth.RoleAdmin)),
		fn.User(user, "POST /{order}/receive", fn.Step(h.Receive)),
	}, nil
}
