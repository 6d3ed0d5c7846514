package trigger_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"bazaar/shared/event"
	"bazaar/shared/telemetry"
	"bazaar/tests/support"
)

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestCall(t *testing.T) {
	w := newWorld(t)
	w.gateway.deploy("push", "topic", "order.paid, order.reserved")
	w.start()
	w.publishRaw("order.paid", []byte(`[{"specversion":"1.0","id":"e","source":"/x","type":"order.paid","traceparent":"`+parent+`","newer":7}]`))
	until(t, "a call", func() bool { return len(w.gateway.seen("push")) == 1 })
	c := w.gateway.seen("push")[0]
	for name, want := range map[string]string{
		"Content-Type": event.ContentType, "X-Topic": "order.paid", "X-Connector": "bazaar-trigger", "X-Attempt": "1",
	} {
		if got := c.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	signature := c.Header.Get("X-Bazaar-Signature")
	verifier := support.EventVerifier(t)
	if err := verifier.Verify("push", signature, c.Body, time.Now()); err != nil {
		t.Errorf("signature: %v", err)
	}
	if verifier.Verify("other", signature, c.Body, time.Now()) == nil {
		t.Error("the signature is good for another function")
	}
	span, ok := telemetry.ParseTraceParent(c.Header.Get("traceparent"))
	if !ok || span.TraceID().String() != parent[3:35] || span.SpanID().String() == parent[36:52] {
		t.Errorf("traceparent %q is no span of the event's trace", c.Header.Get("traceparent"))
	}
	var batch []map[string]any
	if err := json.Unmarshal(c.Body, &batch); err != nil || batch[0]["newer"] != 7.0 {
		t.Errorf("an attribute that we do not know got lost: %s", c.Body)
	}
}

// A call carries one topic, at most batch events and batch_bytes of them; what
// is larger than that by itself goes by itself; every event goes once.
func TestBatchBounds(t *testing.T) {
	w := newWorld(t)
	w.gateway.deploy("push", "topic", "order.paid,order.reserved", "bazaar.batch", "10", "bazaar.batch_bytes", "2048", "max_inflight", "2")
	ids := number("small", 35)
	w.publishBatch("order.paid", ids...)
	w.publish("order.reserved", number("other", 25)...)
	big := "big-" + strings.Repeat("x", 3000)
	w.publishBatch("order.paid", "before", big, "after")
	w.start()
	w.drained("ORDERS", "push")
	for _, c := range w.gateway.seen("push") {
		if len(c.Events) > 10 || len(c.Body) > 2048+20 && len(c.Events) > 1 {
			t.Errorf("a call of %d events and %d bytes", len(c.Events), len(c.Body))
		}
		for _, e := range c.Events {
			if e.Type != c.Header.Get("X-Topic") {
				t.Errorf("an event %s in a call for %s", e.Type, c.Header.Get("X-Topic"))
			}
		}
	}
	for _, id := range append(append(ids, number("other", 25)...), "before", big, "after") {
		if n := w.gateway.times("push", id); n != 1 {
			t.Errorf("%.20s was called %d times", id, n)
		}
	}
	if n := len(w.gateway.seen("push")); n > 40 {
		t.Errorf("%d calls for 63 events in batches of 10", n)
	}
}

// Events that come one by one share a call when they come within batch_wait.
func TestBatchWait(t *testing.T) {
	w := newWorld(t)
	w.gateway.deploy("push", "topic", "order.reserved", "bazaar.batch", "10", "bazaar.batch_wait", "10s")
	w.start()
	until(t, "the consumer", func() bool { return w.consumer("ORDERS", "push") != nil })
	w.publish("order.reserved", number("e", 10)...)
	w.drained("ORDERS", "push")
	if calls := w.gateway.seen("push"); len(calls) != 1 || len(calls[0].Events) != 10 {
		t.Errorf("%d calls, want one of ten", len(calls))
	}
}

// While a call of the function runs, the next one gathers for longer.
func TestBatchWaitBesideACall(t *testing.T) {
	w := newWorld(t)
	w.gateway.deploy("push", "topic", "order.reserved", "bazaar.batch", "3", "bazaar.batch_wait", "1s", "max_inflight", "2")
	w.start()
	release := w.gateway.hold("push")
	w.publish("order.reserved", number("first", 3)...) // a full call
	until(t, "the first call", func() bool { return len(w.gateway.seen("push")) == 1 })
	w.publish("order.reserved", "early")
	pause := time.After(1500 * time.Millisecond)
	<-pause
	w.publish("order.reserved", number("late", 2)...)
	until(t, "the second call", func() bool { return len(w.gateway.seen("push")) == 2 })
	if got := len(w.gateway.seen("push")[1].Events); got != 3 {
		t.Errorf("the second call has %d events, want the three that came beside the first", got)
	}
	release()
	w.drained("ORDERS", "push")
}
