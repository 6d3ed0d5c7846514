// Package trigger_test holds the trigger against a real NATS server and a
// gateway whose answers a test decides.
package trigger_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"bazaar/infra/trigger"
	"bazaar/shared/bus"
	"bazaar/shared/event"
	"bazaar/shared/telemetry"
	"bazaar/tests/support"
)

// patience bounds every wait of these tests; none of them counts on how long
// something takes, only on that it happens.
const patience = 30 * time.Second

// world is a server, a gateway, and triggers between them.
type world struct {
	t       *testing.T
	nats    *support.NATSServer
	js      jetstream.JetStream
	bus     *bus.Bus
	gateway *gateway
}

func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	n := support.NATS(t)
	return &world{t: t, nats: n, js: n.JetStream(), bus: n.Bus(), gateway: newGateway(t)}
}

// running is a trigger at work.
type running struct {
	stop    func() // as SIGTERM does; waits until it has drained
	metrics *prometheus.Registry
	handler http.Handler
	ended   chan struct{}
}

// start runs a trigger until the test ends or stop is called.
func (w *world) start(change ...func(*trigger.Settings)) *running {
	w.t.Helper()
	signing, _ := support.EventKeys(w.t)
	s := trigger.Settings{
		GatewayURL: w.gateway.url, GatewayUser: "admin", GatewayPassword: "list-password", SigningKey: signing,
		PollInterval: 50 * time.Millisecond, CallTimeout: 20 * time.Second, FetchWait: 100 * time.Millisecond,
		AckWait: 2 * time.Second, DrainTimeout: 10 * time.Second,
	}
	for _, f := range change {
		f(&s)
	}
	tel, err := telemetry.Start(context.Background(), "trigger", telemetry.Settings{}, logTo(w.t))
	if err != nil {
		w.t.Fatal(err)
	}
	tr, err := trigger.New(s, w.nats.Bus(), nil, tel)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{metrics: tel.Metrics, handler: tr.Handler(), ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		tr.Run(ctx)
	}()
	r.stop = func() {
		cancel()
		<-r.ended
	}
	w.t.Cleanup(r.stop)
	w.t.Cleanup(w.gateway.end)
	return r
}

// get asks the trigger's own port.
func (r *running) get(path string) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	r.handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
	return answer
}

// logTo shows the trigger's log with a failed test only.
func logTo(t *testing.T) io.Writer { return t.Output() }

// publish stores one event, in a message of its own.
func (w *world) publish(topic string, ids ...string) {
	w.t.Helper()
	for _, id := range ids {
		w.publishBatch(topic, id)
	}
}

// publishBatch stores events in one message.
func (w *world) publishBatch(topic string, ids ...string) {
	w.t.Helper()
	var events []event.Event
	for _, id := range ids {
		e, err := event.New(topic, id, id, map[string]string{"order_id": id})
		if err != nil {
			w.t.Fatal(err)
		}
		events = append(events, e)
	}
	body, err := event.EncodeBatch(events)
	if err != nil {
		w.t.Fatal(err)
	}
	w.publishRaw(topic, body)
}

func (w *world) publishRaw(subject string, body []byte) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := w.js.Publish(ctx, subject, body); err != nil {
		w.t.Fatalf("publishing on %s: %v", subject, err)
	}
}

// until waits for something to become true.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-deadline:
			t.Fatalf("waited %s in vain: %s", patience, what)
		case <-tick.C:
		}
	}
}

// drained waits until a consumer has nothing left to do.
func (w *world) drained(stream, function string) {
	w.t.Helper()
	until(w.t, "nothing left for "+function+" in "+stream, func() bool {
		info := w.consumer(stream, function)
		return info != nil && info.NumPending == 0 && info.NumAckPending == 0 && info.AckFloor.Stream >= w.last(info)
	})
}

// last is the sequence of the last message that a consumer reads. A consumer
// that was just made may say for a moment that nothing is pending.
func (w *world) last(info *jetstream.ConsumerInfo) uint64 {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stream, err := w.js.Stream(ctx, info.Stream)
	if err != nil {
		w.t.Fatalf("looking at the stream %s: %v", info.Stream, err)
	}
	subjects := append([]string{info.Config.FilterSubject}, info.Config.FilterSubjects...)
	last := uint64(0)
	for _, subject := range subjects {
		if subject == "" {
			continue
		}
		msg, err := stream.GetLastMsgForSubject(ctx, subject)
		if err == nil {
			last = max(last, msg.Sequence)
		} else if !errors.Is(err, jetstream.ErrMsgNotFound) {
			w.t.Fatalf("looking for the last message on %s: %v", subject, err)
		}
	}
	return last
}

func (w *world) consumer(stream, function string) *jetstream.ConsumerInfo {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := w.js.Consumer(ctx, stream, function)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil
	}
	if err != nil {
		w.t.Fatalf("looking at the consumer %s of %s: %v", function, stream, err)
	}
	return c.CachedInfo()
}

// letters are the dead letters of a function.
func (w *world) letters(function string) []trigger.Letter {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var all []trigger.Letter
	if err := trigger.NewLetters(w.js).Each(ctx, function, func(l trigger.Letter) error {
		all = append(all, l)
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	return all
}

// polled waits until every trigger has read the list from now on at least once.
func (w *world) polled(times int) {
	w.t.Helper()
	from := w.gateway.polls()
	until(w.t, "the list is read again", func() bool { return w.gateway.polls() >= from+times })
}

func number(prefix string, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s-%03d", prefix, i)
	}
	return ids
}

// value is a metric's value, summed over the series whose labels hold all of want.
func value(t *testing.T, r *running, name string, want ...string) float64 {
	t.Helper()
	families, err := r.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	total := 0.0
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			labels := m.String()
			matches := true
			for _, text := range want {
				matches = matches && strings.Contains(labels, `"`+text+`"`)
			}
			if matches {
				total += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return total
}
