package main

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"bazaar/shared/event"
	"bazaar/shared/order"
	"bazaar/shared/payment"
	"bazaar/shared/telemetry"
)

// Trail carries on the trace in which an order was placed.
type Trail interface {
	// Follow begins a span in the order's own trace, linked to the one of ctx,
	// and makes the events of the order continue there. The func ends it.
	Follow(ctx context.Context, o *order.Order) func()
	// Tell logs what was committed, each event in its order's trace.
	Tell(ctx context.Context, emitted []event.Event)
}

type trail struct {
	tracer trace.Tracer
	log    *slog.Logger
}

func (t trail) Follow(ctx context.Context, o *order.Order) func() {
	cause := trace.LinkFromContext(ctx)
	ctx, span := t.tracer.Start(telemetry.WithTraceParent(ctx, o.TraceParent), "settle order", trace.WithLinks(cause))
	o.TraceParent = telemetry.TraceParent(ctx)
	return func() { span.End() }
}

func (t trail) Tell(ctx context.Context, emitted []event.Event) {
	for _, e := range emitted {
		t.log.InfoContext(telemetry.WithTraceParent(ctx, e.TraceParent), "order moved", "order_id", e.Subject, "event", e.Type)
	}
}

// Alarm calls for a person.
type Alarm interface {
	// Raise tells of money that was not taken as the payment of an order.
	Raise(ctx context.Context, n payment.Notice, v payment.Verdict)
	// Deaf tells of a provider that does not say what became of a payment.
	Deaf(ctx context.Context, p payment.Payment, err error)
}

type alarm struct {
	log    *slog.Logger
	raised *prometheus.CounterVec
}

func newAlarm(log *slog.Logger, metrics prometheus.Registerer) alarm {
	raised := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "bazaar_payment_alerts_total", Help: "Notices about money that a person must look at, by outcome.",
	}, []string{"outcome"})
	metrics.MustRegister(raised)
	return alarm{log, raised}
}

func (a alarm) Raise(ctx context.Context, n payment.Notice, v payment.Verdict) {
	a.raised.WithLabelValues(string(v.Outcome)).Inc()
	a.log.ErrorContext(ctx, "payment needs a person", "outcome", v.Outcome, "reason", v.Reason,
		"inbox_id", n.ID, "out_trade_no", n.OutTradeNo, "trade_no", n.TradeNo, "amount", n.Amount)
}

func (a alarm) Deaf(ctx context.Context, p payment.Payment, err error) {
	a.raised.WithLabelValues("deaf").Inc()
	a.log.WarnContext(ctx, "the provider does not tell about a payment", "payment_id", p.ID, "error", err)
}
