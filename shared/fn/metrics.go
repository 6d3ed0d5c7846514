package fn

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics has the names that of-watchdog uses, so that dashboards made for it
// fit; the route is one label more.
type metrics struct {
	duration *prometheus.HistogramVec
	events   *prometheus.CounterVec
	inflight atomic.Int64
	known    map[*Route]*observers
}

// observers are a route's histograms by status, each looked up once. The method
// of a route is fixed but for HEAD, which is looked up each time.
type observers [600]atomic.Pointer[prometheus.Observer]

func newMetrics(registry *prometheus.Registry, routes []*Route) (*metrics, error) {
	m := &metrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "How long calls took, from the last header to the answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"method", "route", "code"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "event_total", Help: "Events taken, by the kind of fault; ok is none.",
		}, []string{"type", "outcome"}),
		known: make(map[*Route]*observers, len(routes)),
	}
	for _, r := range routes {
		m.known[r] = new(observers)
	}
	inflight := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "http_requests_in_flight", Help: "Calls that run now.",
	}, func() float64 { return float64(m.inflight.Load()) })
	for _, c := range []prometheus.Collector{m.duration, m.events, inflight} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("registering metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) observe(r *Route, method string, status int, took time.Duration) {
	known := m.known[r]
	if known == nil || status >= len(known) || !r.serves(method) {
		m.duration.WithLabelValues(methodLabel(method), r.pattern, strconv.Itoa(status)).Observe(took.Seconds())
		return
	}
	if o := known[status].Load(); o != nil {
		(*o).Observe(took.Seconds())
		return
	}
	o := m.duration.WithLabelValues(method, r.pattern, strconv.Itoa(status))
	known[status].Store(&o)
	o.Observe(took.Seconds())
}

// serves reports whether method is the one that the pattern begins with.
func (r *Route) serves(method string) bool {
	return len(r.pattern) > len(method) && r.pattern[:len(method)] == method && r.pattern[len(method)] == ' '
}

// methodLabel keeps a caller from making metrics with methods of their own.
func methodLabel(method string) string {
	for _, known := range methods() {
		if method == known {
			return method
		}
	}
	return "other"
}
