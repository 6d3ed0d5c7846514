package bus

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bazaar/shared/fault"
	"bazaar/shared/telemetry"
)

// metrics tell what was published and how.
type metrics struct {
	events   *prometheus.CounterVec
	sizes    *prometheus.HistogramVec
	duration *prometheus.HistogramVec
}

func newMetrics(tel *telemetry.Telemetry) *metrics {
	m := &metrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bazaar_bus_events_total", Help: "Events published, by what became of them.",
		}, []string{"subject", "outcome"}),
		sizes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bazaar_bus_message_events", Help: "Events that went as one message.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 11),
		}, []string{"subject"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bazaar_bus_message_seconds", Help: "From sending a message to the server's word on it.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 17),
		}, []string{"subject"}),
	}
	if tel != nil {
		m.events = registered(tel.Metrics, m.events)
		m.sizes = registered(tel.Metrics, m.sizes)
		m.duration = registered(tel.Metrics, m.duration)
	}
	return m
}

// registered is c, or its equal that a bus opened before has registered.
func registered[C prometheus.Collector](in *prometheus.Registry, c C) C {
	var before prometheus.AlreadyRegisteredError
	if err := in.Register(c); errors.As(err, &before) {
		if same, ok := before.ExistingCollector.(C); ok {
			return same
		}
	}
	return c
}

// outcome counts an event: stored, unknown, or the code of its fault.
func (m *metrics) outcome(subject string, err error) {
	outcome := "stored"
	switch {
	case errors.Is(err, ErrUnknown):
		outcome = "unknown"
	case err != nil:
		outcome = fault.Of(err).Code
	}
	m.events.WithLabelValues(subject, outcome).Inc()
}

func (m *metrics) message(subject string, events int, took time.Duration) {
	m.sizes.WithLabelValues(subject).Observe(float64(events))
	m.duration.WithLabelValues(subject).Observe(took.Seconds())
}
