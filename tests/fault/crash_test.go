package fault_test

import (
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"

	"bazaar/infra/trigger"
	"bazaar/shared/event"
	"bazaar/shared/order"
)

// TestEveryCrashPoint makes a process die at each named point while some orders
// are placed and paid: nothing is lost, nothing is done twice. The points of one
// way are tried together, or with FAULT_LONG one by one.
func TestEveryCrashPoint(t *testing.T) {
	for _, together := range rounds(t) {
		t.Run(together[0], func(t *testing.T) {
			h := open(t)
			buyer := h.as(t, "crash-"+uuid.NewString()[:8])
			sku := h.product(t, 100)
			for _, point := range together {
				h.arm(t, point, 1)
			}
			records := h.batch(t, buyer, sku, 6)
			if slices.ContainsFunc(together, h.armed) { // it lies on the way of a payment
				h.payAll(t, records)
			}
			for _, point := range together {
				eventually(t, "somebody to die at "+point, func() bool { return !h.armed(point) })
			}
			h.ready(t)
			h.settle(t, records)
			h.mustHold(t, records)
			h.holds(t, sku, 6)
		})
	}
}

// rounds are the points that are armed at the same time. The halfway ones need a
// batch that nobody has died over yet, and that was not held for longer than
// AckWait: what comes again comes one by one. So the one of reserve-stock is not
// among the points here.
func rounds(t *testing.T) [][]string {
	placing, paying, last := []string{}, []string{}, []string{"trigger.halfway.settle-order"}
	var alone [][]string
	for _, p := range append(points(), last...) {
		alone = append(alone, []string{p})
		switch {
		case strings.Contains(p, "halfway"):
		case strings.Contains(p, "settle-order"), strings.Contains(p, "payment"):
			paying = append(paying, p)
		default:
			placing = append(placing, p)
		}
	}
	if number(t, "FAULT_LONG", 0) > 0 {
		return alone
	}
	return [][]string{placing, paying, last}
}

// batch places orders of one unit while the trigger sleeps, so that they are
// carried together when it wakes, and returns when all are reserved.
func (h *house) batch(t *testing.T, buyer person, sku string, n int) []*record {
	t.Helper()
	h.trust(t)
	if err := h.signal("trigger", syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	records := make([]*record, n)
	for i := range records {
		records[i] = &record{owner: buyer, key: uuid.NewString(), lines: [2][]line{{{sku, 1}}, {{sku, 5}}}}
	}
	// One by one at first, so that who dies takes one key with it for as long as
	// its lease, and not all of them, again and again.
	for _, r := range records {
		if a := r.ask(0); a.Status == 0 || a.Status == http.StatusBadGateway {
			h.ready(t)
		}
	}
	each(records, func(r *record) {
		if !within(patience, r.resolve) {
			t.Errorf("key %s is not accepted: %s", r.key, r.answers[len(r.answers)-1])
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	if err := h.signal("trigger", syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	each(records, func(r *record) {
		id, _ := r.accepted()
		r.owner.await(t, id, "reserved")
	})
	return records
}

// payAll pays every order. The trigger sleeps meanwhile, so that the notices are
// carried together.
func (h *house) payAll(t *testing.T, records []*record) {
	t.Helper()
	if err := h.signal("trigger", syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	each(records, func(r *record) {
		id, _ := r.accepted()
		if !within(patience, func() bool { return r.owner.pay(id, "pay-"+r.key) }) {
			t.Errorf("order %s cannot be paid", id)
		}
	})
	eventually(t, "the provider to have told", func() bool {
		var told int
		err := h.Pool.QueryRow(t.Context(), `
			select count(distinct p.order_id) from payment.payment p join payment.inbox i using (out_trade_no)
			join orders.order o using (order_id) where o.user_id = $1`, records[0].owner.name).Scan(&told)
		return err == nil && told == len(records)
	})
	if err := h.signal("trigger", syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	each(records, func(r *record) {
		id, _ := r.accepted()
		r.owner.await(t, id, "paid")
	})
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

// TestATriggerThatDiesOverADeadLetterWritesOne between the letter and the
// acknowledgement of what it is of.
func TestATriggerThatDiesOverADeadLetterWritesOne(t *testing.T) {
	h := open(t)
	const point = "trigger.buried.reserve-stock"
	h.arm(t, point, 1)
	poison := uuid.NewString()
	e, err := event.New(order.Placed, poison, poison, map[string]string{"order_id": "not one"})
	if err != nil {
		t.Fatal(err)
	}
	h.publish(t, e)
	eventually(t, "the trigger to die", func() bool { return !h.armed(point) })
	h.drained(t)
	letters := h.letters(t)
	if len(letters) != 1 || letters[0].Event != poison || letters[0].Kind != "invalid" {
		t.Fatalf("%+v, want one of %s", letters, poison)
	}
	if err := trigger.NewLetters(h.js).Drop(t.Context(), letters[0].Seq); err != nil {
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
