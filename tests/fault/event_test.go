package fault_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"bazaar/shared/auth"
	"bazaar/shared/event"
	"bazaar/shared/order"
	"bazaar/shared/payment"
)

// stories are how events that come twice, swapped and late are tried at each
// consumer.
func stories() map[consumer]func(*testing.T, *house) {
	told := toldStories()
	told[placedTo()], told[notifiedTo()], told[ticksTo()] = placedAgain, notifiedAgain, ticksAgain
	return told
}

// TestEventsComeTwiceSwappedAndLate at every consumer: what was done is done
// once, whatever comes again, in whatever order, however late.
func TestEventsComeTwiceSwappedAndLate(t *testing.T) {
	told := stories()
	for _, c := range consumers(t) {
		t.Run(c.topic, func(t *testing.T) {
			story := told[c]
			if story == nil {
				t.Fatalf("nothing tries %+v", c)
			}
			story(t, open(t))
		})
	}
}

// drafts makes the events of orders for one unit each.
func drafts(t *testing.T, user, sku string, n int) []event.Event {
	t.Helper()
	events := make([]event.Event, n)
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
	return events
}

// placedAgain publishes the same orders in several batches that are carried at
// the same time, each in another order, with orders twice in one batch and under
// other event ids; and orders of buyers again when they are long paid or closed.
func placedAgain(t *testing.T, h *house) {
	const size = 200
	buyer, user := h.as(t, "twice-"+uuid.NewString()[:8]), "swapped-"+uuid.NewString()[:8]
	sku, crowded := h.product(t, 100), h.product(t, 2*size)
	events := drafts(t, user, crowded, size)
	release := h.hold(t, placedTo())
	for i := range 6 {
		h.publish(t, shuffled(events, uint64(i))...)
	}
	renamed := append(shuffled(events, 6), shuffled(events, 7)...)[:size]
	for i := range renamed {
		renamed[i].ID = uuid.NewString()
	}
	h.publish(t, renamed...)
	release()
	eventually(t, "the orders", func() bool { return h.reserved(t, user) == size })
	h.drained(t)
	h.holds(t, crowded, size)

	placed := h.record(t, order.Placed)
	records := h.batch(t, buyer, sku, 3)
	placed.again(t, h, 2)
	h.payAll(t, records[:1])
	h.cancel(t, records[1])
	h.drained(t)
	placed.again(t, h, 2)
	h.settle(t, records)
	h.mustHold(t, records)
	h.holds(t, sku, 2)
	h.holds(t, crowded, size)
	for i, state := range []string{"paid", "closed", "reserved"} {
		h.are(t, records[i:i+1], state)
	}
}

// shuffled is the events in another order.
func shuffled(events []event.Event, seed uint64) []event.Event {
	events = slices.Clone(events)
	rand.New(rand.NewPCG(seed, 3)).Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	return events
}

// cancel cancels an order and waits until it is closed.
func (h *house) cancel(t *testing.T, r *record) {
	t.Helper()
	id, _ := r.accepted()
	if a := r.owner.call("POST", "manage-order/"+id+"/cancel", "", nil); a.Status != http.StatusOK {
		t.Fatal(a)
	}
	h.are(t, []*record{r}, "closed")
}

// notifiedAgain lets the notices of payments be told many times at once, the
// last one first, beside what else the provider may say of a trade; names one
// that is not there; and tells all of them again when all is over.
func notifiedAgain(t *testing.T, h *house) {
	buyer := h.as(t, "notified-"+uuid.NewString()[:8])
	sku := h.product(t, 100)
	records := h.batch(t, buyer, sku, 4)
	notified := h.record(t, payment.Notified)
	early, err := payment.NotifiedEvent(1 << 40) // its notice is not there, not yet or never
	if err != nil {
		t.Fatal(err)
	}
	release, tick := h.hold(t, notifiedTo()), h.hold(t, ticksTo())
	h.press(t, records[:3])
	h.told(t, records[:3])
	for _, r := range records[:3] { // what was said before the buyer paid, delivered after it
		h.tell(t, r, map[string]string{"trade_status": "WAIT_BUYER_PAY"})
		h.tell(t, r, nil)
	}
	eventually(t, "the events of the notices", func() bool { return notified.events(t) >= 9 })
	h.publish(t, early)
	notified.again(t, h, 20)
	release()
	h.are(t, records[:3], "paid")
	h.drained(t)
	h.holds(t, sku, 4)
	tick()
	h.cancel(t, records[3])
	notified.again(t, h, 3)
	h.settle(t, records)
	h.mustHold(t, records)
	h.are(t, records[:3], "paid")
	h.are(t, records[3:], "closed")
	h.holds(t, sku, 3)
}

// tell lets the provider say something of the trade of an order again, as a
// notification of its own.
func (h *house) tell(t *testing.T, r *record, set map[string]string) {
	t.Helper()
	id, _ := r.accepted()
	var number string
	if err := h.Pool.QueryRow(t.Context(), `select out_trade_no from payment.payment where order_id = $1`, id).Scan(&number); err != nil {
		t.Fatal(err)
	}
	forgery := map[string]any{"fresh_id": true, "set": set}
	eventually(t, "the provider to be heard", func() bool { // what is sent by hand is sent once
		var sent struct{ Deliveries []struct{ Answer string } }
		a := send("POST", h.Paysim+"/api/trades/"+number+"/notify", "", "", forgery)
		return json.Unmarshal(a.Body, &sent) == nil && len(sent.Deliveries) == 1 && sent.Deliveries[0].Answer == "success"
	})
}

// ticksAgain sends many ticks at once, as triggers that take each other for dead
// would, while there is much to do: orders that expire, and orders that wait for
// the provider's word.
func ticksAgain(t *testing.T, h *house) {
	buyer := h.as(t, "ticks-"+uuid.NewString()[:8])
	sku := h.product(t, 100)
	records := h.batch(t, buyer, sku, 12)
	release := h.hold(t, ticksTo())
	each(records[:4], func(r *record) { // each has a payment that the buyer never makes
		id, _ := r.accepted()
		a := buyer.call("POST", "create-payment/"+id, "open-"+r.key, map[string]string{"provider": "alipay"})
		if a.Status/100 != 2 {
			t.Errorf("order %s: %s", id, a)
		}
	})
	_, err := h.Pool.Exec(t.Context(), `update orders.order set expires_at = now() - interval '1 minute' where order_id = any($1::uuid[])`, ids(records[:11]))
	if err != nil {
		t.Fatal(err)
	}
	h.tickAtOnce(t, 6)
	eventually(t, "the orders without a payment to be closed", func() bool { return h.closed(t, records[4:11]) == 7 })
	release()
	eventually(t, "all orders to be closed", func() bool { h.tickAtOnce(t, 4); return h.closed(t, records[:11]) == 11 })
	h.tickAtOnce(t, 6) // there is nothing left to do
	h.settle(t, records)
	h.mustHold(t, records)
	h.are(t, records[11:], "reserved")
	h.holds(t, sku, 1)
}

// closed counts those of the orders that are closed.
func (h *house) closed(t *testing.T, records []*record) (n int) {
	t.Helper()
	err := h.Pool.QueryRow(t.Context(), `select count(*) from orders.order where state = 'closed' and order_id = any($1::uuid[])`, ids(records)).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// tickAtOnce calls settle-order with so many ticks at the same time, signed as
// the trigger signs. The same tick comes twice.
func (h *house) tickAtOnce(t *testing.T, n int) {
	t.Helper()
	signer, err := auth.NewEventSigner([]byte(h.Secret(t, "trigger-signing-key")))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			e, err := event.New(ticksTo().topic, fmt.Sprintf("tick-%d", i/2), ticksTo().function, nil)
			if err != nil {
				t.Error(err)
				return
			}
			if status, said := h.call(t, signer, ticksTo(), e); status != http.StatusOK {
				t.Errorf("a tick was answered %d: %s", status, said)
			}
		})
	}
	all.Wait()
}

// call calls a function with one event as the trigger does.
func (h *house) call(t *testing.T, signer *auth.EventSigner, to consumer, e event.Event) (status int, said string) {
	body, err := event.EncodeBatch([]event.Event{e})
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.Gateway+"/function/"+to.function, strings.NewReader(string(body)))
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	req.Header.Set("Content-Type", event.ContentType)
	req.Header.Set("X-Topic", to.topic)
	req.Header.Set(auth.SignatureHeader, signer.Sign(to.function, time.Now(), body))
	res, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(text)
}
