package flow_test

import (
	"crypto/rand"
	"encoding/hex"
	"testing"

	"github.com/google/uuid"
)

// One trace leads from the buyer's request through the queue, the trigger and
// the steps to the last one, which a later request set off.
func TestOneTraceFromTheRequestToTheLastStep(t *testing.T) {
	t.Parallel()
	h := open(t)
	alice := h.as(t, "alice")
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		t.Fatal(err)
	}
	trace := hex.EncodeToString(id)
	var placed orderView
	alice.call(t, "POST", "create-order", lines(line{h.product(t, 1, 100), 1}), key(uuid.NewString()),
		header{"traceparent", "00-" + trace + "-00f067aa0ba902b7-01"}).into(t, 202, &placed)
	alice.await(t, placed.OrderID, "reserved")
	alice.pay(t, placed.OrderID).press(t, "pay")
	alice.await(t, placed.OrderID, "paid")
	for _, step := range []struct{ function, says string }{
		{"create-order", `"msg":"call"`},
		{"reserve-stock", placed.OrderID},
		{"settle-order", placed.OrderID},
	} {
		eventually(t, step.function+" to log in the trace", func() bool {
			return h.logged(t, step.function, `"trace_id":"`+trace+`"`, step.says)
		})
	}
}
