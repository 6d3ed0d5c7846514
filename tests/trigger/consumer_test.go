package trigger_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"bazaar/infra/trigger"
)

func TestInFlightBound(t *testing.T) {
	w := newWorld(t)
	w.gateway.deploy("push", "topic", "order.reserved,payment.notified", "max_inflight", "3")
	release := w.gateway.hold("push")
	w.start()
	w.publish("order.reserved", number("o", 20)...)
	w.publish("payment.notified", number("p", 20)...)
	until(t, "three calls", func() bool { return len(w.gateway.seen("push")) == 3 })
	w.polled(5)
	release()
	w.drained("ORDERS", "push")
	w.drained("PAYMENTS", "push")
	if n := w.gateway.atOnce("push"); n != 3 {
		t.Errorf("%d calls at once, want 3", n)
	}
}

func TestPaymentsGoFirst(t *testing.T) {
	w := newWorld(t)
	w.gateway.deploy("push", "topic", "order.reserved,payment.notified", "max_inflight", "1")
	release := w.gateway.hold("push")
	w.start()
	w.publish("order.reserved", number("o", 30)...)
	until(t, "the first call", func() bool { return len(w.gateway.seen("push")) == 1 })
	w.publish("payment.notified", number("p", 10)...)
	until(t, "both consumers wait for the one place", func() bool {
		p, o := w.consumer("PAYMENTS", "push"), w.consumer("ORDERS", "push")
		return p != nil && o != nil && p.NumAckPending == 1 && o.NumAckPending == 2
	})
	w.gateway.on("push", func(c call) reply {
		if c.Header.Get("X-Topic") == "payment.notified" {
			w.nextPaymentWaits()
		}
		return reply{}
	})
	release()
	w.drained("ORDERS", "push")
	w.drained("PAYMENTS", "push")
	last := 0
	for i, c := range w.gateway.seen("push") {
		if c.Header.Get("X-Topic") == "payment.notified" {
			last = i
		}
	}
	// By arrival alone it would be the 21st or later. An order slips in where the
	// next payment is on its way from the server and does not wait yet.
	if last > 15 {
		t.Errorf("the last of 10 payments was call %d of 40", last+1)
	}
}

// nextPaymentWaits makes a payment's call last until the next one waits too, so
// that who goes next is a choice.
func (w *world) nextPaymentWaits() {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(2 * time.Second)
	for seen := 0; seen < 4; { // several times: what was delivered needs a moment to queue
		info := w.consumer("PAYMENTS", "push")
		if info.NumPending == 0 {
			return
		}
		if info.NumAckPending == 2 {
			seen++
		}
		select {
		case <-tick.C:
		case <-deadline:
			return
		}
	}
}

// A function that is missing from the list for a while misses nothing and gets
// nothing twice.
func TestRedeploy(t *testing.T) {
	w := newWorld(t)
	annotations := []string{"topic", "order.reserved", "bazaar.batch", "4"}
	w.gateway.deploy("push", annotations...)
	r := w.start()
	w.publish("order.reserved", number("before", 20)...)
	w.drained("ORDERS", "push")
	w.gateway.remove("push")
	until(t, "the pause", func() bool { return value(t, r, "trigger_consumer_paused", "push", "ORDERS") == 1 })
	w.publish("order.reserved", number("while", 20)...)
	w.polled(5)
	if info := w.consumer("ORDERS", "push"); info == nil || info.NumPending+uint64(info.NumAckPending) != 20 {
		t.Errorf("the consumer did not keep its place: %+v", info)
	}
	w.gateway.breakList(true)
	w.polled(3)
	w.gateway.breakList(false)
	w.gateway.deploy("push", annotations...)
	w.publish("order.reserved", number("after", 20)...)
	w.drained("ORDERS", "push")
	for _, id := range slices.Concat(number("before", 20), number("while", 20), number("after", 20)) {
		if n := w.gateway.times("push", id); n != 1 {
			t.Errorf("%s was called %d times", id, n)
		}
	}
}

// A list that cannot be read says nothing about who is missing.
func TestBrokenListChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.gateway.deploy("push", "topic", "order.reserved")
	w.start()
	w.publish("order.reserved", "a")
	w.drained("ORDERS", "push")
	w.gateway.breakList(true)
	w.polled(3)
	w.publish("order.reserved", "b")
	w.drained("ORDERS", "push")
}

// Stopping ends what runs and acknowledges it, and fetches nothing more.
func TestCleanDrain(t *testing.T) {
	w := newWorld(t)
	w.gateway.deploy("push", "topic", "order.reserved", "max_inflight", "2")
	release := w.gateway.hold("push")
	r := w.start()
	w.publish("order.reserved", number("e", 10)...)
	until(t, "two calls", func() bool { return len(w.gateway.seen("push")) == 2 })
	until(t, "ready", func() bool { return r.get("/_/ready").Code == 200 })
	stopped := make(chan struct{})
	go func() {
		r.stop()
		close(stopped)
	}()
	polls := w.gateway.polls()
	until(t, "not ready any more", func() bool { return r.get("/_/ready").Code == 503 })
	if code := r.get("/_/health").Code; code != 200 {
		t.Errorf("a draining trigger says that it is not alive: %d", code)
	}
	select {
	case <-stopped:
		t.Fatal("it stopped while calls were running")
	default:
	}
	release()
	<-stopped
	if n := w.gateway.polls(); n > polls+1 {
		t.Errorf("it went on reading the list: %d times", n-polls)
	}
	if n := len(w.gateway.seen("push")); n != 2 {
		t.Errorf("%d calls, want the two that were running", n)
	}
	if floor := w.consumer("ORDERS", "push").AckFloor.Stream; floor != 2 {
		t.Errorf("acknowledged up to %d, want 2", floor)
	}
	w.start()
	w.drained("ORDERS", "push")
	for _, id := range number("e", 10) {
		if n := w.gateway.times("push", id); n != 1 {
			t.Errorf("%s was called %d times", id, n)
		}
	}
}

// A drain that takes too long is cut off; what was running comes again.
func TestDrainIsBounded(t *testing.T) {
	w := newWorld(t)
	w.gateway.deploy("push", "topic", "order.reserved", "bazaar.batch", "8", retries, "5")
	release := w.gateway.hold("push")
	r := w.start(func(s *trigger.Settings) { s.DrainTimeout = 50 * time.Millisecond })
	w.publishBatch("order.reserved", number("e", 3)...)
	until(t, "a call", func() bool { return len(w.gateway.seen("push")) == 1 })
	r.stop()
	release()
	w.start()
	w.drained("ORDERS", "push")
	calls := w.gateway.seen("push")[1:]
	if len(calls) != 3 {
		t.Errorf("%d calls after the restart, want one for each event", len(calls))
	}
	for _, c := range calls {
		if len(c.Events) != 1 {
			t.Errorf("a redelivered message was called with %d events at once", len(c.Events))
		}
		if c.Header.Get("X-Attempt") != "2" {
			t.Errorf("the delivery before does not count: attempt %s", c.Header.Get("X-Attempt"))
		}
	}
}

func TestNATSRestart(t *testing.T) {
	w := newWorld(t)
	w.gateway.deploy("push", "topic", "order.reserved", "bazaar.batch", "4", "max_inflight", "2")
	release := w.gateway.hold("push")
	w.start()
	w.publish("order.reserved", number("e", 40)...)
	until(t, "two calls", func() bool { return len(w.gateway.seen("push")) == 2 })
	w.nats.Stop()
	release() // their acknowledgements cannot be sent
	w.nats.Start()
	until(t, "the way to NATS", func() bool {
		_, err := w.js.AccountInfo(t.Context())
		return err == nil
	})
	w.publish("order.reserved", number("later", 5)...)
	w.drained("ORDERS", "push")
	for _, id := range append(number("e", 40), number("later", 5)...) {
		if n := w.gateway.times("push", id); n != 1 {
			t.Errorf("%s was called %d times", id, n)
		}
	}
}

func TestTwoTriggersShare(t *testing.T) {
	w := newWorld(t)
	w.gateway.deploy("push", "topic", "order.reserved,order.paid", "bazaar.batch", "4")
	one, two := w.start(), w.start()
	w.publish("order.reserved", number("e", 200)...)
	w.drained("ORDERS", "push")
	for _, id := range number("e", 200) {
		if n := w.gateway.times("push", id); n != 1 {
			t.Errorf("%s was called %d times", id, n)
		}
	}
	one.stop()
	w.publish("order.paid", number("f", 20)...)
	w.drained("ORDERS", "push")
	if value(t, two, "trigger_events_total", "push", "done") == 0 {
		t.Error("the second trigger did nothing")
	}
	for _, id := range number("f", 20) {
		if n := w.gateway.times("push", id); n != 1 {
			t.Errorf("%s was called %d times", id, n)
		}
	}
}

// A call that takes longer than the server's patience is not made twice.
func TestLongCall(t *testing.T) {
	w := newWorld(t)
	w.gateway.deploy("push", "topic", "order.reserved")
	release := w.gateway.hold("push")
	w.start()
	w.start()
	w.publish("order.reserved", "e")
	until(t, "a call", func() bool { return len(w.gateway.seen("push")) == 1 })
	began := time.Now()
	until(t, "AckWait has passed twice", func() bool { return time.Since(began) > 5*time.Second })
	release()
	w.drained("ORDERS", "push")
	if n := len(w.gateway.seen("push")); n != 1 {
		t.Errorf("%d calls", n)
	}
}

func TestTopicsChange(t *testing.T) {
	w := newWorld(t)
	w.gateway.deploy("push", "topic", "order.reserved")
	w.start()
	w.publish("order.reserved", "a")
	w.drained("ORDERS", "push")
	w.gateway.deploy("push", "topic", "order.reserved,order.paid")
	until(t, "the topic is added", func() bool { return len(w.consumer("ORDERS", "push").Config.FilterSubjects) == 2 })
	w.publish("order.paid", "b")
	until(t, "the added topic's event", func() bool { return w.gateway.times("push", "b") == 1 })
	w.gateway.deploy("push", "topic", "order.paid")
	until(t, "the topic is taken away", func() bool {
		c := w.consumer("ORDERS", "push").Config
		return slices.Equal(append(c.FilterSubjects, c.FilterSubject), []string{"order.paid", ""}) || c.FilterSubject == "order.paid"
	})
	w.publish("order.reserved", "c")
	w.publish("order.paid", "d")
	w.drained("ORDERS", "push")
	if w.gateway.times("push", "c") != 0 || w.gateway.times("push", "d") != 1 {
		t.Error("the topics are not those of the annotations")
	}
}

// Wrong annotations leave their function out; the others go on.
func TestWrongAnnotations(t *testing.T) {
	w := newWorld(t)
	w.gateway.deploy("good", "topic", "order.reserved")
	w.gateway.deploy("batch", "topic", "order.reserved", "bazaar.batch", "many")
	w.gateway.deploy("stream", "topic", "order.reserved,weather.changed")
	w.gateway.deploy("minute", "topic", "cron-function", "schedule", "75 * * * *")
	w.gateway.deploy("http-only")
	r := w.start()
	w.publish("order.reserved", "e")
	w.drained("ORDERS", "good")
	w.polled(4)
	for _, name := range []string{"batch", "stream", "minute"} {
		if len(w.gateway.seen(name)) != 0 || value(t, r, "trigger_binding_wrong", name) != 1 {
			t.Errorf("%s: %d calls, wrong %v", name, len(w.gateway.seen(name)), value(t, r, "trigger_binding_wrong", name))
		}
	}
	if value(t, r, "trigger_binding_wrong", "good")+value(t, r, "trigger_binding_wrong", "http-only") != 0 {
		t.Error("a good function counts as wrong")
	}
	w.gateway.deploy("batch", "topic", "order.reserved", "bazaar.batch", "2")
	w.drained("ORDERS", "batch")
	if w.gateway.times("batch", "e") != 1 {
		t.Error("the corrected function was not called")
	}
	until(t, "the corrected function counts as good", func() bool { return value(t, r, "trigger_binding_wrong", "batch") == 0 })
}

// The queue has the consumer that migrate made, which reads everything in it.
func TestQueue(t *testing.T) {
	w := newWorld(t)
	w.gateway.deploy("reserve-stock", "topic", "order.placed", "bazaar.batch", "256", "bazaar.batch_wait", "5ms")
	r := w.start()
	w.publish("order.placed", number("o", 30)...)
	w.drained("QUEUE", "reserve-stock")
	for _, id := range number("o", 30) {
		if n := w.gateway.times("reserve-stock", id); n != 1 {
			t.Errorf("%s was called %d times", id, n)
		}
	}
	info := w.consumer("QUEUE", "reserve-stock")
	if len(info.Config.FilterSubjects) != 0 || info.Config.FilterSubject != "" || info.AckFloor.Stream != 30 {
		t.Errorf("consumer %+v", info)
	}
	until(t, "the metrics of a consumer", func() bool {
		names := []string{}
		families, _ := r.metrics.Gather()
		for _, f := range families {
			if strings.HasPrefix(f.GetName(), "trigger_consumer_") {
				names = append(names, f.GetName())
			}
		}
		return len(names) == 4
	})
}
