// payment-callback takes in what the payment provider says on its own accord:
// it verifies, stores and answers, and leaves the rest to settle-order.
package main

import (
	"context"

	"bazaar/shared/bus"
	"bazaar/shared/fn"
	"bazaar/shared/outbox"
	"bazaar/shared/payment"
	"bazaar/shared/payment/alipay"
	"bazaar/shared/pg"
	"bazaar/shared/stores"
)

type settings struct {
	PG       pg.Settings
	Bus      bus.Settings
	Merchant alipay.Merchant
	Provider []byte `secret:"alipay-public-key"`
}

func main() { fn.Main("payment-callback", assemble) }

func assemble(_ context.Context, run *fn.Runtime, s *settings) (fn.Routes, error) {
	provider, err := alipay.PublicKey(s.Provider)
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
		Transactions: pool, Payments: payment.Store{}, Provider: provider, Merchant: s.Merchant,
		Record:   outbox.Add,
		Announce: outbox.Announcer(pool, queue),
		Watch:    newWatch(run.Log, run.Telemetry.Metrics),
	}
	return fn.Routes{fn.Raw("POST /alipay", h.Take)}, nil
}
