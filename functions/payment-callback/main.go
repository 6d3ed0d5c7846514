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
	pool, err := pg.Open(s.PG, run.Name, run.Telemetry.Traces)
	if err != nil {
		return nil, err
	}
	run.OnStop("postgres", func(context.Context) error { pool.Close(); return nil })
	run.Report("postgres", pool.Ping)
	queue, err := bus.Open(s.Bus, run.Name, run.Telemetry)
	if err != nil {
		return nil, err
	}
	run.OnStop("nats", queue.Close)

	h := &Handler{
		Transactions: pool, Payments: payment.Store{}, Provider: provider, Merchant: s.Merchant,
		Record:   outbox.Add,
		Announce: outbox.Announcer(pool, queue),
		Watch:    newWatch(run.Log, run.Telemetry.Metrics),
	}
	return fn.Routes{fn.Raw("POST /alipay", h.Take)}, nil
}
