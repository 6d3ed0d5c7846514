package connector

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"bazaar/infra/connector/socket"
)

// metrics are what the connector counts.
type metrics struct {
	sockets     *prometheus.GaugeVec   // state
	handshakes  *prometheus.CounterVec // outcome
	accepts     prometheus.Counter     // that failed
	frames      *prometheus.CounterVec // direction, type
	deliveries  *prometheus.CounterVec // taken
	became      [socket.Gone + 1]prometheus.Counter
	delivery    prometheus.Histogram
	conflations prometheus.Counter
	closes      *prometheus.CounterVec // code
	questions   *prometheus.CounterVec // outcome
	held        prometheus.Counter
	rooms       prometheus.Gauge
	dropped     prometheus.Counter
	behind      prometheus.Counter
	surveys     prometheus.Counter
	sends       *prometheus.HistogramVec // outcome
	presence    *prometheus.CounterVec   // outcome
	deaf        prometheus.Gauge
}

func newMetrics(into prometheus.Registerer) *metrics {
	m := &metrics{}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "connector", Name: name, Help: help}, labels)
		into.MustRegister(v)
		return v
	}
	gauges := func(name, help string, labels ...string) *prometheus.GaugeVec {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "connector", Name: name, Help: help}, labels)
		into.MustRegister(v)
		return v
	}
	quick := []float64{.0002, .0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5}
	histogram := prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "connector", Name: "delivery_seconds", Help: "From hearing an announcement to the last offer of one shard.", Buckets: quick})
	m.sends = prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "connector", Name: "send_seconds", Help: "Calls of push-message by what became of the message.", Buckets: quick}, []string{"outcome"})
	into.MustRegister(histogram, m.sends)
	m.delivery = histogram
	m.sockets = gauges("sockets", "Sockets that are open, and those of them that are let in.", "state")
	m.rooms = gauges("rooms", "Conversations that are heard.").WithLabelValues()
	m.deaf = gauges("deaf", "1 while this node does not hear the others.").WithLabelValues()
	m.handshakes = counters("handshakes_total", "Connections by what became of them.", "outcome")
	m.accepts = counters("accept_failures_total", "Connections that could not be accepted.").WithLabelValues()
	m.frames = counters("frames_total", "Lines of clients, and answers to them.", "direction", "type")
	m.deliveries = counters("deliveries_total", "Frames offered to sockets by what became of them.", "taken")
	m.conflations = counters("conflations_total", "Hints given in the place of frames.").WithLabelValues()
	m.closes = counters("closes_total", "Sockets that ended, by code.", "code")
	m.questions = counters("fence_questions_total", "Questions about who may see a conversation.", "outcome")
	m.held = counters("fence_held_total", "Announcements that waited for such an answer.").WithLabelValues()
	m.dropped = counters("dropped_total", "Times that notes of NATS were dropped.").WithLabelValues()
	m.behind = counters("behind_total", "Rooms whose last announcement was lost.").WithLabelValues()
	m.surveys = counters("surveys_total", "Times that everything was asked of the store.").WithLabelValues()
	m.presence = counters("presence_failures_total", "Words with Redis that came to nothing.", "outcome")
	for taken, name := range []string{"written", "queued", "refused", "gone"} {
		m.became[taken] = m.deliveries.WithLabelValues(name)
	}
	return m
}

// Handshake and AcceptFailed make metrics a socket.Metrics.
func (m *metrics) Handshake(o socket.Outcome) { m.handshakes.WithLabelValues(string(o)).Inc() }

// AcceptFailed counts.
func (m *metrics) AcceptFailed(error) { m.accepts.Inc() }

func (m *metrics) delivered(counts [socket.Gone + 1]int) {
	for taken, n := range counts {
		if n > 0 {
			m.became[taken].Add(float64(n))
		}
	}
}

func (m *metrics) closed(code socket.Code) {
	m.closes.WithLabelValues(strconv.Itoa(int(code))).Inc()
}

func (m *metrics) frame(direction string, v verb) {
	m.frames.WithLabelValues(direction, v.String()).Inc()
}

// String is the t of a line.
func (v verb) String() string {
	return [...]string{"unknown", "auth", "send", "read", "typing", "presence", "token", "ping", "pong"}[v]
}

// observe has what is asked rather than counted served, too.
func (n *Connector) observe(into prometheus.Registerer) {
	gauge := func(name, help string, f func() float64) {
		into.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "connector", Name: name, Help: help}, f))
	}
	gauge("queued_bytes", "Bytes that wait for slow peers.", func() float64 { return float64(n.budget.Used()) })
	gauge("subscriptions", "Subjects that are heard.", func() float64 { return float64(n.ear.Len()) })
	gauge("lease_age_seconds", "Since this node's lease was renewed.", func() float64 { return (n.since() - n.leasedAt()).Seconds() })
}
