package trigger_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"bazaar/infra/trigger"
)

// schedule is the stored schedule of a function; nil when there is none.
func (w *world) schedule(function string) *jetstream.RawStreamMsg {
	w.t.Helper()
	stream, err := w.js.Stream(w.t.Context(), "CRON")
	if err != nil {
		w.t.Fatal(err)
	}
	msg, err := stream.GetLastMsgForSubject(w.t.Context(), "cron.set."+function)
	if err != nil {
		return nil
	}
	return msg
}

func TestCronFiresOnceWithTwoTriggers(t *testing.T) {
	w := newWorld(t)
	w.gateway.deploy("sweep", "topic", "cron-function", "schedule", "@every 1s")
	w.start()
	w.start()
	until(t, "four ticks", func() bool { return len(w.gateway.seen("sweep")) >= 4 })
	set := w.schedule("sweep")
	seen := map[string]bool{}
	var last time.Time
	for _, c := range w.gateway.seen("sweep") {
		if len(c.Events) != 1 || c.Events[0].Type != "cron.sweep" || c.Header.Get("X-Topic") != "cron.sweep" {
			t.Fatalf("a tick is %s for %s", c.Body, c.Header.Get("X-Topic"))
		}
		e := c.Events[0]
		if seen[e.ID] {
			t.Errorf("the tick %s came twice", e.ID)
		}
		seen[e.ID] = true
		if gap := e.Time.Sub(last); gap < 500*time.Millisecond {
			t.Errorf("two ticks within %s", gap)
		}
		last = e.Time
	}
	if set.Sequence != 1 {
		t.Errorf("the schedule was written more than once: sequence %d", set.Sequence)
	}
}

func TestMissedTicksLeaveOne(t *testing.T) {
	w := newWorld(t)
	w.gateway.deploy("sweep", "topic", "cron-function", "schedule", "@every 1s")
	r := w.start()
	until(t, "a tick", func() bool { return len(w.gateway.seen("sweep")) == 1 })
	r.stop()
	before := len(w.gateway.seen("sweep"))
	last := w.consumer("CRON", "sweep").Delivered.Stream
	var tick *jetstream.RawStreamMsg
	until(t, "three ticks in vain", func() bool {
		stream, err := w.js.Stream(t.Context(), "CRON")
		if err != nil {
			return false
		}
		tick, err = stream.GetLastMsgForSubject(t.Context(), "cron.sweep")
		return err == nil && tick.Sequence >= last+3
	})
	w.gateway.deploy("sweep", "topic", "cron-function", "schedule", "@every 1h")
	w.start()
	until(t, "the one that is left", func() bool { return len(w.gateway.seen("sweep")) > before })
	w.drained("CRON", "sweep")
	if n := len(w.gateway.seen("sweep")) - before; n > 2 { // one may have come while the schedule changed
		t.Errorf("%d calls for the missed ticks", n)
	}
}

// While the function is missing its ticks do not pile up, and its schedule stays.
func TestTicksOfAMissingFunction(t *testing.T) {
	w := newWorld(t)
	annotations := []string{"topic", "cron-function", "schedule", "@every 1s"}
	w.gateway.deploy("sweep", annotations...)
	w.start()
	until(t, "a tick", func() bool { return len(w.gateway.seen("sweep")) >= 1 })
	w.gateway.remove("sweep")
	w.polled(3)
	gone := time.Now()
	until(t, "three seconds", func() bool { return time.Since(gone) > 3*time.Second })
	if w.schedule("sweep") == nil {
		t.Fatal("the schedule is gone")
	}
	before := len(w.gateway.seen("sweep"))
	w.gateway.deploy("sweep", annotations...)
	until(t, "the tick that was left", func() bool { return len(w.gateway.seen("sweep")) > before })
	back := time.Now()
	until(t, "half a second more", func() bool { return time.Since(back) > 500*time.Millisecond })
	if n := len(w.gateway.seen("sweep")) - before; n > 2 {
		t.Errorf("%d ticks at once", n)
	}
}

func TestScheduleFollowsTheAnnotations(t *testing.T) {
	w := newWorld(t)
	w.gateway.deploy("sweep", "topic", "cron-function", "schedule", "*/5 3 * * *", "bazaar.timezone", "Asia/Shanghai")
	w.start()
	until(t, "the schedule", func() bool { return w.schedule("sweep") != nil })
	h := w.schedule("sweep").Header
	if h.Get("Nats-Schedule") != "0 */5 3 * * *" || h.Get("Nats-Schedule-Time-Zone") != "Asia/Shanghai" ||
		h.Get("Nats-Schedule-Target") != "cron.sweep" {
		t.Errorf("schedule %v", h)
	}
	w.gateway.deploy("sweep", "topic", "cron-function", "schedule", "@hourly")
	until(t, "the other schedule", func() bool {
		s := w.schedule("sweep")
		return s != nil && s.Header.Get("Nats-Schedule") == "@hourly"
	})
	w.gateway.deploy("sweep", "topic", "order.paid")
	until(t, "no schedule", func() bool { return w.schedule("sweep") == nil })
}

// A tick that fails is tried again, and gives way to a newer one instead of
// becoming a dead letter every second.
func TestFailingTicks(t *testing.T) {
	w := newWorld(t)
	w.gateway.deploy("sweep", "topic", "cron-function", "schedule", "@every 1s", retries, "4",
		"com.openfaas.retry.min_wait", "600ms")
	w.gateway.on("sweep", func(call) reply { return reply{Status: 500, Fault: "internal"} })
	r := w.start(func(s *trigger.Settings) { s.AckWait = 30 * time.Second })
	until(t, "a tick that is overtaken", func() bool { return value(t, r, "trigger_events_total", "sweep", "overtaken") >= 1 })
	if l := w.letters("sweep"); len(l) != 0 {
		t.Errorf("letters %+v", l)
	}
}
