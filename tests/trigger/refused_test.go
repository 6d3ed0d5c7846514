package trigger_test

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"
)

// A dead letter that its stream refuses is written again, and until it is
// durable its original keeps waiting for its acknowledgement.
func TestARefusedDeadLetterIsWrittenAgain(t *testing.T) {
	w := newWorld(t)
	w.gateway.deploy("push", quick()...)
	w.gateway.on("push", func(call) reply { return reply{Status: http.StatusBadRequest, Fault: "invalid"} })
	dead, err := w.js.Stream(t.Context(), "DEAD")
	if err != nil {
		t.Fatal(err)
	}
	config := dead.CachedInfo().Config
	if err := w.js.DeleteStream(t.Context(), "DEAD"); err != nil {
		t.Fatal(err)
	}
	// In the stream's place: one that is full.
	var refused atomic.Int32
	full, err := w.js.Conn().Subscribe("dead.push", func(m *nats.Msg) {
		refused.Add(1)
		if err := m.Respond([]byte(`{"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"}}`)); err != nil {
			t.Errorf("refusing a dead letter: %v", err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	w.start()
	w.publish("order.reserved", "e")
	waits := func() bool { return w.consumer("ORDERS", "push").NumAckPending == 1 }
	until(t, "a refusal", func() bool { return refused.Load() >= 1 })
	until(t, "another", func() bool { return refused.Load() >= 2 || !waits() })
	if !waits() {
		t.Fatal("the original is acknowledged, and there is no dead letter")
	}
	if err := full.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.js.CreateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	w.drained("ORDERS", "push")
	if l := w.letters("push"); len(l) != 1 || l[0].Event != "e" {
		t.Errorf("letters %+v", l)
	}
	if n := w.gateway.times("push", "e"); n != 1 {
		t.Errorf("%d calls: the verdict was asked for again", n)
	}
}
