package fault_test

import (
	"net/http"
	"slices"
	"syscall"
	"testing"

	"github.com/google/uuid"

	"bazaar/shared/bus"
	"bazaar/shared/event"
	"bazaar/tests/support"
)

// TestEveryCrashPoint makes a process die at each named point while some orders
// are placed and paid: nothing is lost, nothing is done twice. The points of one
// way are tried together, or with FAULT_LONG one by one.
func TestEveryCrashPoint(t *testing.T) {
	tried := rounds()
	if support.Number(t, "FAULT_LONG", 0) > 0 {
		tried = alone()
	}
	for _, r := range tried {
		t.Run(r.points()[0], func(t *testing.T) {
			h := open(t)
			buyer, sku, said := h.as(t, "crash-"+uuid.NewString()[:8]), h.product(t, 100), len(h.Said())
			h.trust(t)
			release := h.hold(t, placedTo())
			h.arm(t, r.placing...)
			records := h.placeEach(t, buyer, sku, 8)
			release()
			h.passed(t, r.placing)
			taken := accepted(records)
			h.are(t, taken, "reserved")

			release, tick := h.hold(t, notifiedTo()), h.hold(t, ticksTo())
			h.arm(t, r.points()[len(r.placing):]...)
			h.payEach(t, taken, r.paying)
			release()
			h.payAll(t, taken) // those too whose payment died
			tick()
			h.passed(t, r.settle)
			h.ready(t)
			if fell := h.Deaths(said, ""); fell != len(r.points()) {
				t.Errorf("%d processes died at %d points", fell, len(r.points()))
			}
			h.settle(t, records)
			h.mustHold(t, records)
			h.holds(t, sku, 8)
			steps := 8 + len(taken) // reserved, and paid
			eventually(t, "the shop to tell of every step", func() bool { return h.toldTo(t, buyer.name) >= steps })
			h.heardOut(t, bus.OrdersStream)
			h.saysOnce(t, buyer.name, steps)
		})
	}
}

// passed waits until somebody has died at each of the points.
func (h *house) passed(t *testing.T, those []string) {
	t.Helper()
	for _, point := range those {
		eventually(t, "somebody to die at "+point, func() bool { return !h.armed(point) })
	}
}

// placeEach places orders of one unit, one after the other: who dies takes one
// key with it, for as long as its lease.
func (h *house) placeEach(t *testing.T, buyer person, sku string, n int) []*record {
	t.Helper()
	records := make([]*record, n)
	for i := range records {
		records[i] = newRecord(buyer, sku)
		var last answer
		if !within(patience, func() bool { last = records[i].ask(0); return last.Status != http.StatusServiceUnavailable }) {
			t.Fatalf("key %s is not accepted: %s", records[i].key, last)
		}
		if last.Status != http.StatusAccepted {
			h.ready(t)
		}
	}
	return records
}

// accepted are those of the records whose buyers know that they have an order.
func accepted(records []*record) []*record {
	return slices.DeleteFunc(slices.Clone(records), func(r *record) bool { _, body := r.accepted(); return body < 0 })
}

// payEach pays orders one after the other, while somebody dies at a point in
// each, and waits until those notices that were sent are in the inbox.
func (h *house) payEach(t *testing.T, records []*record, points []string) {
	t.Helper()
	var paid []*record
	for i, r := range records {
		id, _ := r.accepted()
		if r.owner.pay(id, "pay-"+r.key) {
			paid = append(paid, r)
		}
		h.passed(t, points[min(i, len(points)):min(i+1, len(points))])
		h.ready(t)
	}
	if len(paid) < 2 {
		t.Fatalf("only %d orders could be paid: that is no batch", len(paid))
	}
	h.told(t, paid)
}

// batch places orders of one unit while nothing comes to reserve-stock, so that
// they are carried together, and returns when all are reserved.
func (h *house) batch(t *testing.T, buyer person, sku string, n int) []*record {
	t.Helper()
	h.trust(t)
	release := h.hold(t, placedTo())
	records := h.placeEach(t, buyer, sku, n)
	each(records, func(r *record) {
		if _, body := r.accepted(); body < 0 && !within(patience, r.resolve) {
			t.Errorf("key %s is not accepted: %s", r.key, r.answers[len(r.answers)-1])
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	release()
	h.are(t, records, "reserved")
	return records
}

// payAll pays every order.
func (h *house) payAll(t *testing.T, records []*record) {
	t.Helper()
	h.press(t, records)
	h.are(t, records, "paid")
}

// press makes the buyers pay at the provider.
func (h *house) press(t *testing.T, records []*record) {
	t.Helper()
	each(records, func(r *record) {
		id, _ := r.accepted()
		if !within(patience, func() bool { return h.isPaid(t, id) || r.owner.pay(id, "pay-"+r.key) }) {
			t.Errorf("order %s cannot be paid", id)
		}
	})
}

// isPaid reports whether we have taken an order for paid: then its buyer cannot
// pay it any more.
func (h *house) isPaid(t *testing.T, id string) bool {
	var state string
	err := h.Pool.QueryRow(t.Context(), `select state from orders.order where order_id = $1`, id).Scan(&state)
	return err == nil && state == "paid"
}

// told waits until the inbox has a notice about each order.
func (h *house) told(t *testing.T, records []*record) {
	t.Helper()
	eventually(t, "the provider to have told", func() bool {
		var told int
		err := h.Pool.QueryRow(t.Context(), `
			select count(distinct p.order_id) from payment.payment p join payment.inbox i using (out_trade_no)
			where p.order_id = any($1::uuid[])`, ids(records)).Scan(&told)
		return err == nil && told == len(records)
	})
}

// are waits until each order is in the state.
func (h *house) are(t *testing.T, records []*record, state string) {
	t.Helper()
	for _, r := range records {
		id, _ := r.accepted()
		r.owner.await(t, id, state)
	}
}

// ids are the orders that the keys stand for.
func ids(records []*record) []string {
	all := make([]string, len(records))
	for i, r := range records {
		all[i], _ = r.accepted()
	}
	return all
}

// holds checks that so many units are reserved or sold, in all.
func (h *house) holds(t *testing.T, sku string, units int) {
	t.Helper()
	var held int
	err := h.Pool.QueryRow(t.Context(), `select reserved + sold from stock.item where sku = $1`, sku).Scan(&held)
	if err != nil || held != units {
		t.Errorf("%d of %s are held (%v), want %d", held, sku, err, units)
	}
}

// TestATriggerThatDiesOverACallLosesNothing of what it has in its hands.
func TestATriggerThatDiesOverACallLosesNothing(t *testing.T) {
	h := open(t)
	buyer, sku := h.as(t, "held-"+uuid.NewString()[:8]), h.product(t, 100)
	h.trust(t)
	if err := h.Signal("reserve-stock", syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	records := h.placeEach(t, buyer, sku, 6)
	eventually(t, "the trigger to have some in its hands", func() bool {
		reader, err := h.js.Consumer(t.Context(), placedTo().stream, placedTo().function)
		return err == nil && reader.CachedInfo().NumAckPending > 0
	})
	if err := h.KillAll(t.Context(), "trigger"); err != nil {
		t.Fatal(err)
	}
	if err := h.Signal("reserve-stock", syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	h.ready(t)
	h.settle(t, records)
	h.mustHold(t, records)
	h.holds(t, sku, 6)
}

// TestATriggerThatDiesOverADeadLetterWritesOne between the letter and the
// acknowledgement of what it is of.
func TestATriggerThatDiesOverADeadLetterWritesOne(t *testing.T) {
	h := open(t)
	poison := map[string]string{} // event -> function
	for point, c := range buried() {
		h.arm(t, point)
		id := uuid.NewString()
		e, err := event.New(c.topic, id, id, map[string]string{"order_id": "not one", "inbox_id": "not one"})
		if err != nil {
			t.Fatal(err)
		}
		h.publish(t, e)
		h.passed(t, []string{point})
		poison[id] = c.function
	}
	h.drained(t)
	letters := h.letters(t)
	if len(letters) != len(poison) {
		t.Errorf("%d letters of %d events", len(letters), len(poison))
	}
	for _, l := range letters {
		if poison[l.Event] != l.Function || l.Kind != "invalid" {
			t.Errorf("%+v, want one of each of %v", l, poison)
		}
		delete(poison, l.Event)
	}
	h.drop(t)
}
