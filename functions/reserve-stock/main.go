// reserve-stock takes the orders that were placed out of the queue: it writes
// each and reserves all its stock or none, many orders in one transaction.
package main

import (
	"context"
	"time"

	"bazaar/shared/auth"
	"bazaar/shared/bus"
	"bazaar/shared/fn"
	"bazaar/shared/order"
	"bazaar/shared/outbox"
	"bazaar/shared/pg"
	"bazaar/shared/stock"
	"bazaar/shared/stores"
)

type settings struct {
	PG         pg.Settings
	Bus        bus.Settings
	TriggerKey []byte `secret:"trigger-key"`
	// PayWithin is how long stock is held for an order that is not paid.
	PayWithin time.Duration `env:"order_pay_within" envDefault:"15m"`
}

func main() { fn.Main("reserve-stock", assemble) }

func assemble(_ context.Context, run *fn.Runtime, s *settings) (fn.Routes, error) {
	trigger, err := auth.NewEventVerifier(s.TriggerKey)
	if err != nil {
		return nil, err
	}
	pool, err := stores.Postgres(run, s.PG)
	if err != nil {
		return nil, err
	}
	queue, err := stores.NATS(run, s.Bus)
	if err != nil {
		return nil, err
	}

	h := &Handler{
		Transactions: pool, Orders: order.Store{}, Stock: stock.Store{}, PayWithin: s.PayWithin,
		Record:   outbox.Add,
		Announce: outbox.Announcer(pool, queue),
	}
	return fn.Routes{fn.Event(trigger, fn.On(order.Placed, h.Reserve))}, nil
}
