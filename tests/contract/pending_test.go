package contract_test

import (
	"syscall"
	"testing"
	"time"
)

// halt stops the processes of a function from running until the test ends.
func (h *house) halt(t testing.TB, function string) (resume func()) {
	t.Helper()
	pids := h.Pids(t, function)
	if len(pids) == 0 {
		t.Fatalf("%s has no process", function)
	}
	signal := func(s syscall.Signal) {
		for _, pid := range pids {
			if err := syscall.Kill(pid, s); err != nil {
				t.Error(err)
			}
		}
	}
	signal(syscall.SIGSTOP)
	t.Cleanup(func() { signal(syscall.SIGCONT) })
	return func() { signal(syscall.SIGCONT) }
}

// Not parallel: while it runs, no order of anybody leaves the queue.
func TestAnOrderThatIsOnlyInTheQueue(t *testing.T) {
	h := open(t)
	buyer, stranger, admin := h.buyer(t), h.buyer(t), h.admin(t)
	sku, k := h.product(t, 10, cny(100)), fresh()
	resume := h.halt(t, "reserve-stock")

	began, first := time.Now(), make(chan answer, 1)
	go func() {
		a, err := buyer.try("POST", "create-order", ordering{Lines: []line{{sku, 1}}}, k, header{"Prefer", "wait=2"})
		if err != nil {
			t.Error(err)
		}
		first <- a
	}()
	// What cannot be ordered asks whether the key is taken, and does not take it.
	eventually(t, patience, "the key to be taken", func() bool { return buyer.place(t, []line{{"no-such-sku", 1}}, k).status == 422 })
	buyer.place(t, []line{{sku, 1}}, k).fails(t, 409, "idempotency_key_in_progress")
	a := <-first
	if took := time.Since(began); took < 2*time.Second || took > 8*time.Second {
		t.Errorf("wait=2 took %s", took)
	}
	var v acceptedView
	a.into(t, 202, &v)
	buyer.place(t, []line{{sku, 1}}, k).replayed(t, a)

	order := "manage-order/" + v.OrderID
	for _, who := range []person{buyer, admin} {
		o := who.order(t, v.OrderID)
		if o.Status != "placed" || o.Total != v.Total || o.ExpiresAt != nil || len(o.History) != 0 || o.CreatedAt.IsZero() {
			t.Errorf("%+v", o)
		}
		who.call(t, "POST", order+"/cancel", nil).fails(t, 409, "order_pending")
	}
	admin.call(t, "POST", order+"/ship", `{"carrier":"SF","tracking":"1"}`).fails(t, 409, "order_pending")
	buyer.call(t, "POST", order+"/receive", nil).fails(t, 409, "order_pending")
	stranger.call(t, "GET", order, nil).fails(t, 404, "not_found")
	stranger.call(t, "POST", order+"/cancel", nil).fails(t, 404, "not_found")
	stranger.call(t, "POST", order+"/receive", nil).fails(t, 404, "not_found")
	stranger.startPayment(t, v.OrderID).fails(t, 404, "not_found")
	k = fresh()
	if a := buyer.startPayment(t, v.OrderID, k); a.header.Get("Retry-After") == "" {
		a.fails(t, 409, "order_not_payable")
		t.Errorf("nothing says that the order can be paid in a moment: %v", a.header)
	}
	resume()
	buyer.await(t, v.OrderID, "reserved")
	buyer.startPayment(t, v.OrderID, k).into(t, 201, nil)
	buyer.call(t, "POST", order+"/cancel", nil).into(t, 200, nil)
}
