package fault_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"bazaar/infra/local/stack"
	"bazaar/infra/schema"
	"bazaar/infra/trigger"
	"bazaar/shared/bus"
	"bazaar/shared/event"
)

// consumer is a way by which events come to a function.
type consumer struct{ function, topic, stream string }

// The ways of the stack file.
func placedTo() consumer   { return consumer{"reserve-stock", "order.placed", bus.QueueStream} }
func notifiedTo() consumer { return consumer{"settle-order", "payment.notified", bus.PaymentsStream} }
func ticksTo() consumer    { return consumer{"settle-order", "cron.settle-order", bus.CronStream} }

// consumers reads all ways from the stack file and the streams.
func consumers(t testing.TB) []consumer {
	t.Helper()
	s, err := stack.Read("../../stack.yml", "../..", func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	var all []consumer
	for _, f := range s.All() {
		for topic := range strings.SplitSeq(f.Annotations["topic"], ",") {
			switch topic = strings.TrimSpace(topic); topic {
			case "":
			case "cron-function":
				all = append(all, consumer{f.Name, "cron." + f.Name, bus.CronStream})
			default:
				all = append(all, consumer{f.Name, topic, streamOf(t, topic)})
			}
		}
	}
	return all
}

func streamOf(t testing.TB, subject string) string {
	t.Helper()
	for _, s := range schema.Streams(schema.StreamSettings{}) {
		if slices.Contains(s.Subjects, subject) {
			return s.Name
		}
	}
	t.Fatalf("no stream takes %s", subject)
	return ""
}

// hold lets nothing come to the consumers until release, or the end of the test:
// what is published meanwhile waits in the stream, undelivered, so that it is
// carried together and for the first time.
func (h *house) hold(t testing.TB, those ...consumer) (release func()) {
	t.Helper()
	for _, c := range those {
		if _, err := h.js.PauseConsumer(t.Context(), c.stream, c.function, time.Now().Add(time.Hour)); err != nil {
			t.Fatalf("holding %s of %s: %v", c.function, c.stream, err)
		}
	}
	released := sync.OnceFunc(func() {
		for _, c := range those {
			if !within(patience, func() bool {
				_, err := h.js.ResumeConsumer(context.Background(), c.stream, c.function) // the test may be over
				return err == nil
			}) {
				t.Errorf("%s of %s is held for ever", c.function, c.stream)
			}
		}
	})
	t.Cleanup(released)
	return released
}

// publish puts events on the bus as one message.
func (h *house) publish(t testing.TB, events ...event.Event) {
	t.Helper()
	body, err := event.EncodeBatch(events)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.js.Publish(t.Context(), events[0].Type, body); err != nil {
		t.Fatal(err)
	}
}

// letters are all dead letters.
func (h *house) letters(t testing.TB) []trigger.Letter {
	t.Helper()
	var all []trigger.Letter
	err := trigger.NewLetters(h.js).Each(t.Context(), "", func(l trigger.Letter) error {
		all = append(all, l)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// drop forgets all dead letters.
func (h *house) drop(t testing.TB) {
	t.Helper()
	for _, l := range h.letters(t) {
		if err := trigger.NewLetters(h.js).Drop(t.Context(), l.Seq); err != nil {
			t.Fatal(err)
		}
	}
}

// recorder keeps what is published on a subject.
type recorder struct {
	mu       sync.Mutex
	messages []*nats.Msg
}

func (h *house) record(t *testing.T, subject string) *recorder {
	t.Helper()
	r := &recorder{}
	sub, err := h.js.Conn().Subscribe(subject, func(m *nats.Msg) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.messages = append(r.messages, m)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sub.Unsubscribe() })
	if err := h.js.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	return r
}

// soFar is the messages that were published.
func (r *recorder) soFar() []*nats.Msg {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.messages)
}

// events is how many were published so far: those that come at the same time are
// one message.
func (r *recorder) events(t *testing.T) (n int) {
	t.Helper()
	for _, m := range r.soFar() {
		batch, err := event.DecodeBatch(m.Data)
		if err != nil {
			t.Fatal(err)
		}
		n += len(batch)
	}
	return n
}

// again publishes what was recorded so far, several times, the last one first.
func (r *recorder) again(t *testing.T, h *house, times int) {
	t.Helper()
	messages := r.soFar()
	slices.Reverse(messages)
	if len(messages) == 0 {
		t.Fatal("nothing was recorded")
	}
	for range times {
		for _, m := range messages {
			if _, err := h.js.Publish(t.Context(), m.Subject, m.Data); err != nil {
				t.Fatal(err)
			}
		}
	}
}
