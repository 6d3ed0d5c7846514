package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"bazaar/shared/payment"
)

// Watch tells people what came in.
type Watch interface {
	// Forged counts what the provider did not sign, and logs a sample of it:
	// anybody can send any number of these.
	Forged(ctx context.Context, why error)
	// Stored counts a stored notice; one that is rejected calls for a person.
	Stored(ctx context.Context, n payment.Notice, fresh bool)
}

type watch struct {
	log    *slog.Logger
	sample *rate.Limiter
	count  *prometheus.CounterVec
}

func newWatch(log *slog.Logger, metrics prometheus.Registerer) watch {
	count := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "bazaar_payment_notifications_total", Help: "Notifications of the payment provider, by what became of them.",
	}, []string{"outcome"})
	metrics.MustRegister(count)
	return watch{log, rate.NewLimiter(rate.Every(10*time.Second), 5), count}
}

func (w watch) Forged(ctx context.Context, why error) {
	w.count.WithLabelValues("forged").Inc()
	if w.sample.Allow() {
		w.log.WarnContext(ctx, "payment notification not from the provider", "error", why.Error())
	}
}

func (w watch) Stored(ctx context.Context, n payment.Notice, fresh bool) {
	if !fresh {
		w.count.WithLabelValues("repeated").Inc()
		return
	}
	w.count.WithLabelValues(string(n.State)).Inc()
	if n.State == payment.Rejected {
		w.log.ErrorContext(ctx, "payment notification rejected", "reason", n.Reason,
			"inbox_id", n.ID, "out_trade_no", n.OutTradeNo, "trade_no", n.TradeNo)
		return
	}
	w.log.InfoContext(ctx, "payment notification stored", "inbox_id", n.ID, "out_trade_no", n.OutTradeNo)
}
