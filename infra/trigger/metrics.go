package trigger

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are what the trigger counts. Those of a consumer are read at each
// poll: they are as old as the poll interval.
type metrics struct {
	calls    *prometheus.CounterVec // function, verdict
	events   *prometheus.CounterVec // function, outcome
	dead     *prometheus.CounterVec // function, kind
	inflight *prometheus.GaugeVec   // function
	wrong    *prometheus.GaugeVec   // function
	pending  *prometheus.GaugeVec   // function, stream
	unacked  *prometheus.GaugeVec   // function, stream
	lag      *prometheus.GaugeVec   // function, stream
	open     *prometheus.GaugeVec   // function, stream
	lists    *prometheus.CounterVec // outcome
}

func newMetrics(into prometheus.Registerer) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "trigger", Name: name, Help: help}, labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "trigger", Name: name, Help: help}, labels)
	}
	m := &metrics{
		calls:    counter("calls_total", "Calls of a function by verdict.", "function", "verdict"),
		events:   counter("events_total", "Events that are done, by outcome.", "function", "outcome"),
		dead:     counter("dead_letters_total", "Events given up, by kind of failure.", "function", "kind"),
		inflight: gauge("calls_in_flight", "Places taken among the function's calls.", "function"),
		wrong:    gauge("binding_wrong", "1 while the function is left out for its annotations.", "function"),
		pending:  gauge("consumer_pending", "Messages not yet delivered.", "function", "stream"),
		unacked:  gauge("consumer_unacknowledged", "Messages delivered and not yet acknowledged.", "function", "stream"),
		lag:      gauge("consumer_lag_seconds", "Age of the oldest message that is not done.", "function", "stream"),
		open:     gauge("consumer_paused", "1 while no calls are made: the function is missing or cannot take events.", "function", "stream"),
		lists:    counter("lists_total", "Readings of the list of functions, by outcome.", "outcome"),
	}
	into.MustRegister(m.calls, m.events, m.dead, m.inflight, m.wrong, m.pending, m.unacked, m.lag, m.open, m.lists)
	return m
}

// Handler serves /metrics, /_/health (the process lives) and /_/ready (the list
// of functions was read and the trigger does not drain).
func (t *Trigger) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(t.gatherer, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /_/health", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("GET /_/ready", func(w http.ResponseWriter, _ *http.Request) {
		if !t.ready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusOK)
	})
	return mux
}
