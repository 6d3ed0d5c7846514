package trigger_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"

	"bazaar/shared/event"
)

const retries = "com.openfaas.retry.attempts"

// quick is annotations of a function that may fail three times without much waiting.
func quick(more ...string) []string {
	return append([]string{
		"topic", "order.reserved", retries, "3", "com.openfaas.retry.min_wait", "10ms", "com.openfaas.retry.max_wait", "50ms",
	}, more...)
}

func TestSuccessIsAcknowledged(t *testing.T) {
	w := newWorld(t)
	w.gateway.deploy("push", quick()...)
	r := w.start()
	w.publish("order.reserved", "a", "b")
	w.publish("order.paid", "not-for-push")
	until(t, "two calls", func() bool { return len(w.gateway.seen("push")) == 2 })
	w.drained("ORDERS", "push")
	if n := value(t, r, "trigger_calls_total", "push", "done"); n != 2 {
		t.Errorf("%v calls counted as done", n)
	}
	if w.gateway.times("push", "not-for-push") != 0 {
		t.Error("the function got an event of another topic")
	}
}

// A 2xx that names failures: those are decided one by one, the others are done.
func TestPartialFailure(t *testing.T) {
	w := newWorld(t)
	w.gateway.deploy("push", quick("bazaar.batch", "10")...)
	kinds := map[string]string{"bad": "invalid", "no": "denied", "odd": "mismatch", "big": "too_large", "sick": "internal", "slow": "timeout"}
	w.gateway.on("push", func(c call) reply {
		a := reply{Failed: []failed{}}
		for _, e := range c.Events {
			if kind, ok := kinds[e.ID]; ok {
				a.Failed = append(a.Failed, failed{e.ID, kind, "because of " + e.ID})
			}
		}
		return a
	})
	w.start()
	w.publishBatch("order.reserved", "good", "bad", "no", "odd", "big", "sick", "slow", "fine")
	until(t, "six dead letters", func() bool { return len(w.letters("push")) == 6 })
	w.drained("ORDERS", "push")
	for _, l := range w.letters("push") {
		if l.Kind != kinds[l.Event] || l.Reason != "because of "+l.Event || l.Topic != "order.reserved" || l.At.IsZero() {
			t.Errorf("letter %+v", l)
		}
		want := map[bool]int{true: 3, false: 1}[l.Kind == "internal" || l.Kind == "timeout"]
		if l.Attempts != want {
			t.Errorf("%s died after %d attempts, want %d", l.Event, l.Attempts, want)
		}
		if events, err := event.DecodeBatch(l.Body); err != nil || len(events) != 1 || events[0].ID != l.Event {
			t.Errorf("the letter of %s holds %s", l.Event, l.Body)
		}
	}
	for id, want := range map[string]int{"good": 1, "fine": 1, "bad": 1, "no": 1, "sick": 1 + 3, "slow": 1 + 3} {
		if got := w.gateway.times("push", id); got != want {
			t.Errorf("%s was in %d calls, want %d", id, got, want)
		}
	}
}

// One event fails as a whole call: by kind it dies at once, or after its attempts.
func TestSingleEventFails(t *testing.T) {
	for kind, attempts := range map[string]int{
		"invalid": 1, "denied": 1, "mismatch": 1, "too_large": 1, "internal": 3, "timeout": 3, "conflict": 3, "not_found": 3,
	} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t)
			w.gateway.deploy("push", quick("bazaar.batch", "10")...)
			w.gateway.on("push", func(call) reply { return reply{Status: 500, Fault: kind} })
			w.start()
			w.publish("order.reserved", "e")
			until(t, "a dead letter", func() bool { return len(w.letters("push")) == 1 })
			w.drained("ORDERS", "push")
			calls := w.gateway.seen("push")
			if len(calls) != attempts {
				t.Errorf("%d calls, want %d", len(calls), attempts)
			}
			for i, c := range calls {
				if got := c.Header.Get("X-Attempt"); got != fmt.Sprint(i+1) {
					t.Errorf("call %d says that it is attempt %s", i+1, got)
				}
			}
			if l := w.letters("push")[0]; l.Attempts != attempts || l.Kind != kind {
				t.Errorf("letter %+v", l)
			}
		})
	}
}

func TestAttemptsEndWithSuccess(t *testing.T) {
	w := newWorld(t)
	w.gateway.deploy("push", quick()...)
	var n atomic.Int32
	w.gateway.on("push", func(call) reply {
		if n.Add(1) < 3 {
			return reply{Status: 500, Fault: "internal"}
		}
		return reply{}
	})
	w.start()
	w.publish("order.reserved", "e")
	until(t, "three calls", func() bool { return len(w.gateway.seen("push")) == 3 })
	w.drained("ORDERS", "push")
	if l := w.letters("push"); len(l) != 0 {
		t.Errorf("letters %+v", l)
	}
}

// What is not the event's fault uses up no attempt, however often it happens.
func TestFunctionThatCannotTakeEvents(t *testing.T) {
	for name, c := range map[string]struct {
		answer reply
		times  int32
	}{
		"limited":            {reply{Status: 429, Fault: "limited"}, 4},
		"unavailable":        {reply{Status: 503, Fault: "unavailable"}, 4},
		"a wrong key":        {reply{Status: 401, Fault: "unauthenticated"}, 4},
		"a bare 502":         {reply{Status: 502}, 4},
		"a bare 404":         {reply{Status: 404}, 4},
		"a redirect":         {reply{Status: 302}, 4},
		"a hangup":           {reply{Hangup: true}, 4},
		"partly unavailable": {reply{Failed: []failed{{"e", "unavailable", ""}}}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.gateway.deploy("push", quick(retries, "1", "bazaar.batch", "8", "bazaar.batch_wait", "20ms")...)
			var n atomic.Int32
			w.gateway.on("push", func(call) reply {
				if n.Add(1) <= c.times {
					return c.answer
				}
				return reply{}
			})
			r := w.start()
			w.publish("order.reserved", "e")
			until(t, "the pause", func() bool { return value(t, r, "trigger_consumer_paused", "push", "ORDERS") == 1 })
			w.drained("ORDERS", "push")
			if got := n.Load(); got != c.times+1 {
				t.Errorf("%d calls, want %d", got, c.times+1)
			}
			for _, call := range w.gateway.seen("push") {
				if call.Header.Get("X-Attempt") != "1" {
					t.Errorf("an attempt was used up: %s", call.Header.Get("X-Attempt"))
				}
			}
			if l := w.letters("push"); len(l) != 0 {
				t.Errorf("letters %+v", l)
			}
			until(t, "the pause is over", func() bool { return value(t, r, "trigger_consumer_paused", "push", "ORDERS") == 0 })
		})
	}
}

// While the function is away, what waits is not called in vain, and the others go on.
func TestPauseIsOfOneConsumer(t *testing.T) {
	w := newWorld(t)
	w.gateway.deploy("sick", quick()...)
	w.gateway.deploy("well", quick()...)
	var well atomic.Bool
	w.gateway.on("sick", func(call) reply {
		if well.Load() {
			return reply{}
		}
		return reply{Status: 503, Fault: "unavailable", After: "1"}
	})
	w.start()
	ids := number("e", 50)
	w.publish("order.reserved", ids...)
	w.drained("ORDERS", "well")
	before := len(w.gateway.seen("sick"))
	if before > 17 { // those in flight when the first answer came, and a probe
		t.Errorf("%d calls of a function that is away", before)
	}
	well.Store(true)
	w.drained("ORDERS", "sick")
	for _, id := range ids {
		if w.gateway.times("sick", id) == 0 {
			t.Errorf("%s was never called", id)
		}
	}
}

// A batch that fails as a whole is halved: one poison among 256 dies alone.
func TestPoisonInABatch(t *testing.T) {
	w := newWorld(t)
	w.gateway.deploy("push", quick("bazaar.batch", "256")...)
	var done [256]atomic.Int32
	w.gateway.on("push", func(c call) reply {
		if slices.Contains(c.ids(), "e-100") {
			return reply{Status: 500, Fault: "internal"}
		}
		for _, id := range c.ids() {
			var i int
			_, _ = fmt.Sscanf(id, "e-%d", &i)
			done[i].Add(1)
		}
		return reply{}
	})
	w.start()
	w.publishBatch("order.reserved", number("e", 256)...)
	until(t, "a dead letter", func() bool { return len(w.letters("push")) == 1 })
	w.drained("ORDERS", "push")
	for i := range done {
		if want := map[bool]int32{true: 0, false: 1}[i == 100]; done[i].Load() != want {
			t.Errorf("event %d was done %d times, want %d", i, done[i].Load(), want)
		}
	}
	if l := w.letters("push")[0]; l.Event != "e-100" || l.Attempts != 3 {
		t.Errorf("letter %+v", l)
	}
	// 256 → 1 in eight halvings: 1 + 2*8 calls, and two more attempts.
	if n := len(w.gateway.seen("push")); n != 1+2*8+2 {
		t.Errorf("%d calls", n)
	}
}

// An answer that cannot be understood acknowledges nothing.
func TestGarbledSuccess(t *testing.T) {
	for name, answer := range map[string]reply{
		"no JSON":          {Garbage: `{"failed":[{"id":"e",`},
		"an unknown event": {Failed: []failed{{"somebody-else", "internal", ""}}},
		"no name":          {Failed: []failed{{"", "internal", ""}}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.gateway.deploy("push", quick()...)
			w.gateway.on("push", func(call) reply { return answer })
			w.start()
			w.publish("order.reserved", "e")
			until(t, "a dead letter", func() bool { return len(w.letters("push")) == 1 })
		})
	}
}

// What is no event goes to the dead letters and takes nothing with it.
func TestMessageThatIsNoBatch(t *testing.T) {
	w := newWorld(t)
	w.gateway.deploy("push", quick("bazaar.batch", "10")...)
	w.start()
	w.publishRaw("order.reserved", []byte("hello\r\nthere"))
	w.publishRaw("order.reserved", []byte(`[{"specversion":"1.0","id":"ok","source":"/x","type":"order.reserved"},{"id":"half"}]`))
	w.publishRaw("order.reserved", []byte(`[]`))
	w.drained("ORDERS", "push")
	letters := w.letters("push")
	if len(letters) != 2 || string(letters[0].Body) != "hello\r\nthere" || string(letters[1].Body) != `[{"id":"half"}]` {
		t.Errorf("letters %+v", letters)
	}
	if w.gateway.times("push", "ok") != 1 {
		t.Error("the good event beside the bad one was not called")
	}
}

// The original is acknowledged only after its copy is durable.
func TestNoDeadLetterNoAcknowledgement(t *testing.T) {
	w := newWorld(t)
	w.gateway.deploy("push", quick()...)
	w.gateway.on("push", func(call) reply { return reply{Status: http.StatusBadRequest, Fault: "invalid"} })
	ctx := t.Context()
	dead, err := w.js.Stream(ctx, "DEAD")
	if err != nil {
		t.Fatal(err)
	}
	config := dead.CachedInfo().Config
	if err := w.js.DeleteStream(ctx, "DEAD"); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.publish("order.reserved", "e")
	until(t, "a call", func() bool { return len(w.gateway.seen("push")) == 1 })
	w.polled(10)
	if info := w.consumer("ORDERS", "push"); info.NumAckPending != 1 {
		t.Errorf("%d messages wait for their acknowledgement, want 1", info.NumAckPending)
	}
	if _, err := w.js.CreateStream(ctx, config); err != nil {
		t.Fatal(err)
	}
	w.drained("ORDERS", "push")
	if l := w.letters("push"); len(l) != 1 || l[0].Event != "e" {
		t.Errorf("letters %+v", l)
	}
	if n := len(w.gateway.seen("push")); n != 1 {
		t.Errorf("%d calls: the verdict was asked for again", n)
	}
}
