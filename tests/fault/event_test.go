package fault_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"bazaar/infra/trigger"
	"bazaar/shared/event"
	"bazaar/shared/order"
	"bazaar/shared/payment"
)

// recorder keeps what is published on some subjects.
type recorder struct {
	mu       sync.Mutex
	messages []*nats.Msg
}

func (h *house) record(t *testing.T, subjects ...string) *recorder {
	t.Helper()
	r := &recorder{}
	for _, subject := range subjects {
		sub, err := h.js.Conn().Subscribe(subject, func(m *nats.Msg) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.messages = append(r.messages, m)
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = sub.Unsubscribe() })
	}
	if err := h.js.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	return r
}

// again publishes what was recorded so far, several times, the last one first.
func (r *recorder) again(t *testing.T, h *house, times int) {
	t.Helper()
	r.mu.Lock()
	messages := slices.Clone(r.messages)
	r.mu.Unlock()
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

// TestEventsComeTwiceSwappedAndLate at every consumer: what was done is done
// once, whatever comes again, in whatever order, however late.
func TestEventsComeTwiceSwappedAndLate(t *testing.T) {
	h := open(t)
	buyer := h.as(t, "twice-"+uuid.NewString()[:8])
	sku := h.product(t, 100)
	placed, notified := h.record(t, order.Placed), h.record(t, payment.Notified)
	records := h.batch(t, buyer, sku, 5)
	placed.again(t, h, 3)
	h.drained(t)
	h.holds(t, sku, 5)

	early, err := payment.NotifiedEvent(1 << 40) // its notice is not there, not yet or never
	if err != nil {
		t.Fatal(err)
	}
	h.publish(t, early)
	h.payAll(t, records[:3])
	id, _ := records[4].accepted()
	if a := buyer.call("POST", "manage-order/"+id+"/cancel", "", nil); a.Status != 200 {
		t.Fatal(a)
	}
	placed.again(t, h, 2) // of orders that are paid and closed by now
	notified.again(t, h, 3)
	for range 5 { // ticks that nobody has asked for
		if _, err := h.js.Publish(t.Context(), "cron.settle-order", nil); err != nil {
			t.Fatal(err)
		}
	}
	h.settle(t, records)
	for i, state := range []string{"paid", "paid", "paid", "reserved", "closed"} {
		id, _ := records[i].accepted()
		buyer.await(t, id, state)
	}
	h.mustHold(t, records)
	h.holds(t, sku, 4)
}

// TestAPanicInABatchTakesOneEventWithIt: of 256 in one call 255 go through. The
// one is dead-lettered, redriven after the fix, and then applied once.
func TestAPanicInABatchTakesOneEventWithIt(t *testing.T) {
	h := open(t)
	const size = 256
	sku := h.product(t, 2*size)
	user := "panic-" + uuid.NewString()[:8]
	events := make([]event.Event, size)
	for i := range events {
		d := order.Draft{
			OrderID: uuid.NewString(), UserID: user, Fingerprint: "none", Amount: 100, Currency: "CNY",
			PlacedAt: time.Now(), Lines: []order.Line{{SKU: sku, Quantity: 1, Amount: 100}},
		}
		var err error
		if events[i], err = order.PlacedEvent(d); err != nil {
			t.Fatal(err)
		}
	}
	bad := events[100].ID
	poison := filepath.Join(h.crashes, "reserve-stock.event."+bad)
	if err := os.WriteFile(poison, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h.publish(t, events...)
	eventually(t, "a dead letter", func() bool { return len(h.letters(t)) == 1 })
	h.drained(t)
	if n := h.reserved(t, user); n != size-1 {
		t.Errorf("%d orders went through, want %d", n, size-1)
	}
	if !slices.ContainsFunc(strings.Split(h.Log(t, "trigger"), "\n"), func(line string) bool {
		return strings.Contains(line, "halved") && strings.Contains(line, `"events":256,`)
	}) {
		t.Error("they were not called together")
	}
	dead := h.letters(t)[0]
	if dead.Event != bad || dead.Function != "reserve-stock" || dead.Kind != "internal" || dead.Attempts != attempts {
		t.Errorf("%+v", dead)
	}
	if err := os.Remove(poison); err != nil {
		t.Fatal(err)
	}
	letters := trigger.NewLetters(h.js)
	if err := letters.Redrive(t.Context(), dead.Seq); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the last order", func() bool { return h.reserved(t, user) == size })
	h.publish(t, events[100]) // as if it had been redriven twice
	h.drained(t)
	h.mustHold(t, nil)
	h.holds(t, sku, size)
}

// reserved counts the reserved orders of a user.
func (h *house) reserved(t *testing.T, user string) (n int) {
	t.Helper()
	err := h.Pool.QueryRow(t.Context(), `select count(*) from orders.order where user_id = $1 and state = 'reserved'`, user).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
