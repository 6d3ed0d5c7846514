package outbox

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"bazaar/shared/pg"
)

// metrics tell how far behind the relay is.
type metrics struct {
	waiting, oldest prometheus.Gauge
	relayed         prometheus.Counter
}

func newMetrics(in *prometheus.Registry) *metrics {
	m := &metrics{
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "bazaar_outbox_waiting_events", Help: "Events in the outbox, not yet known to be published.",
		}),
		oldest: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "bazaar_outbox_oldest_seconds", Help: "Age of the oldest event in the outbox.",
		}),
		relayed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bazaar_outbox_relayed_total", Help: "Events that this relay published.",
		}),
	}
	if in != nil {
		m.waiting, m.oldest, m.relayed = registered(in, m.waiting), registered(in, m.oldest), registered(in, m.relayed)
	}
	return m
}

// registered is c, or its equal of a relay that ran before.
func registered[C prometheus.Collector](in *prometheus.Registry, c C) C {
	var before prometheus.AlreadyRegisteredError
	if err := in.Register(c); errors.As(err, &before) {
		if same, ok := before.ExistingCollector.(C); ok {
			return same
		}
	}
	return c
}

// look measures the table. A store that is away leaves the figures as they were.
func (m *metrics) look(ctx context.Context, q pg.Querier) {
	var waiting int64
	var oldest float64
	err := q.QueryRow(ctx, `
		select count(*), coalesce(extract(epoch from now() - min(created_at)), 0)::float8 from outbox.event`).
		Scan(&waiting, &oldest)
	if err != nil {
		return
	}
	m.waiting.Set(float64(waiting))
	m.oldest.Set(oldest)
}
