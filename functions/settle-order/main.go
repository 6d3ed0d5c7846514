// settle-order ends what reserve-stock began: it applies what the payment
// provider said, lets unpaid orders expire, and confirms or releases their
// stock.
package main

import (
	"context"
	"time"

	"bazaar/shared/auth"
	"bazaar/shared/bus"
	"bazaar/shared/fn"
	"bazaar/shared/order"
	"bazaar/shared/outbox"
	"bazaar/shared/payment"
	"bazaar/shared/payment/alipay"
	"bazaar/shared/pg"
	"bazaar/shared/stock"
	"bazaar/shared/stores"
)

type settings struct {
	PG         pg.Settings
	Bus        bus.Settings
	Alipay     alipay.ClientSettings
	TriggerKey []byte `secret:"trigger-key"`
	// CloseGrace is how long after its expiry an order with an open payment is
	// closed at the earliest.
	CloseGrace time.Duration `env:"order_close_grace" envDefault:"60s"`
	// BusyMargin is how long after the deadline of the call that starts a
	// payment that call is still believed to run.
	BusyMargin time.Duration `env:"payment_busy_margin" envDefault:"10s"`
}

func main() { fn.Main("settle-order", assemble) }

func assemble(_ context.Context, run *fn.Runtime, s *settings) (fn.Routes, error) {
	trigger, err := auth.NewEventVerifier(s.TriggerKey)
	if err != nil {
		return nil, err
	}
	provider, err := alipay.NewClient(s.Alipay)
	if err != nil {
		return nil, err
	}
	run.OnStop("provider", func(context.Context) error { provider.Close(); return nil })
	pool, err := stores.Postgres(run, s.PG)
	if err != nil {
		return nil, err
	}
	queue, err := stores.NATS(run, s.Bus)
	if err != nil {
		return nil, err
	}

	h := &Handler{
		Store: pool, Orders: order.Store{}, Stock: stock.Store{}, Payments: payment.Store{},
		Provider: provider, Merchant: provider.Merchant(),
		Record:   outbox.Add,
		Announce: outbox.Announcer(pool, queue),
		Trail:    trail{run.Telemetry.Tracer, run.Log}, Alarm: newAlarm(run.Log, run.Telemetry.Metrics),
		CloseGrace: s.CloseGrace, BusyMargin: s.BusyMargin,
	}
	return fn.Routes{fn.Event(trigger,
		fn.On(payment.Notified, h.Notified),
		fn.On("cron.settle-order", h.Tick),
	)}, nil
}
