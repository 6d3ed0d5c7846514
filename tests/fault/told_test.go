package fault_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"bazaar/shared/auth"
	"bazaar/shared/bus"
	"bazaar/shared/event"
	"bazaar/shared/message"
	"bazaar/shared/order"
	"bazaar/shared/payment"
)

// toldOf is a way on which push-message hears of something.
func toldOf(topic, stream string) consumer { return consumer{"push-message", topic, stream} }

// toldStories are those of what buyers are told of their orders.
func toldStories() map[consumer]func(*testing.T, *house) {
	told := map[consumer]func(*testing.T, *house){
		toldOf(payment.Refunded, bus.PaymentsStream): refundedAgain,
		toldOf(message.Stored, bus.MessagesStream):   storedAgain,
		toldOf("cron.push-message", bus.CronStream):  sweptAgain,
	}
	for _, topic := range []string{order.Reserved, order.Paid, order.Shipped, order.Closed} {
		told[toldOf(topic, bus.OrdersStream)] = func(t *testing.T, h *house) { movedAgain(t, h, topic) }
	}
	return told
}

// movedAgain tells again, the last one first, of what became of orders when all
// of it was said: nothing is said twice.
func movedAgain(t *testing.T, h *house, topic string) {
	buyer, warehouse := h.as(t, "told-"+uuid.NewString()[:8]), h.as(t, "warehouse", auth.RoleWarehouse)
	moved := h.record(t, topic)
	records := h.batch(t, buyer, h.product(t, 100), 3)
	h.payAll(t, records[:2])
	h.cancel(t, records[2])
	id, _ := records[0].accepted()
	if a := warehouse.call("POST", "manage-order/"+id+"/ship", "", map[string]string{"carrier": "SF", "tracking": "1"}); a.Status != http.StatusOK {
		t.Fatal(a)
	}
	const steps = 3 + 2 + 1 + 1 // reserved, paid, closed, shipped
	eventually(t, "the shop to tell of every step", func() bool { return h.toldTo(t, buyer.name) == steps })
	moved.again(t, h, 5)
	h.heardOut(t, bus.OrdersStream)
	h.saysOnce(t, buyer.name, steps)
	h.drained(t)
}

// refundedAgain tells of a refund several times, and of one that is of no payment.
func refundedAgain(t *testing.T, h *house) {
	buyer := h.as(t, "refunded-"+uuid.NewString()[:8])
	records := h.batch(t, buyer, h.product(t, 100), 1)
	h.payAll(t, records)
	eventually(t, "the shop to tell of the order", func() bool { return h.toldTo(t, buyer.name) == 2 })
	var data payment.RefundedData
	id, _ := records[0].accepted()
	err := h.Pool.QueryRow(t.Context(), `select payment_id::text, order_id::text, user_id from payment.payment where order_id = $1`, id).
		Scan(&data.PaymentID, &data.OrderID, &data.UserID)
	if err != nil {
		t.Fatal(err)
	}
	data.RefundID = uuid.NewString()
	e, err := payment.RefundedEvent(data)
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		h.publish(t, e, e)
	}
	eventually(t, "the shop to tell of the refund", func() bool { return h.toldTo(t, buyer.name) == 3 })
	h.heardOut(t, bus.PaymentsStream)
	h.saysOnce(t, buyer.name, 3)
}

// storedAgain tells again of messages that were announced long ago.
func storedAgain(t *testing.T, h *house) {
	buyer := h.as(t, "stored-"+uuid.NewString()[:8])
	h.batch(t, buyer, h.product(t, 100), 2)
	eventually(t, "the shop to tell of the orders", func() bool { return h.toldTo(t, buyer.name) == 2 })
	e, err := message.StoredEvent(uuid.NewString(), message.StoredData{
		Spans: []message.Stretch{{Conversation: message.DirectID(message.Shop, buyer.name), First: 1, Last: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		h.publish(t, e, e)
	}
	h.heardOut(t, bus.MessagesStream)
	h.saysOnce(t, buyer.name, 2)
}

// sweptAgain sends many ticks at once.
func sweptAgain(t *testing.T, h *house) {
	buyer := h.as(t, "swept-"+uuid.NewString()[:8])
	h.batch(t, buyer, h.product(t, 100), 2)
	eventually(t, "the shop to tell of the orders", func() bool { return h.toldTo(t, buyer.name) == 2 })
	signer, err := auth.NewEventSigner([]byte(h.Secret(t, "trigger-signing-key")))
	if err != nil {
		t.Fatal(err)
	}
	to := toldOf("cron.push-message", bus.CronStream)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			e, err := event.New(to.topic, fmt.Sprintf("sweep-%d", i/2), to.function, nil)
			if err != nil {
				t.Error(err)
				return
			}
			if status, said := h.call(t, signer, to, e); status != http.StatusOK {
				t.Errorf("a tick was answered %d: %s", status, said)
			}
		})
	}
	all.Wait()
	h.saysOnce(t, buyer.name, 2)
}

// toldTo counts what the shop has said to a buyer.
func (h *house) toldTo(t *testing.T, buyer string) (n int) {
	t.Helper()
	err := h.Pool.QueryRow(t.Context(), `select count(*) from message.message where conversation_id = $1 and sender_id = $2`,
		message.DirectID(message.Shop, buyer), message.Shop).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// saysOnce checks that the shop has said so much to a buyer, each of it once.
func (h *house) saysOnce(t *testing.T, buyer string, want int) {
	t.Helper()
	var bodies int
	err := h.Pool.QueryRow(t.Context(), `select count(distinct body) from message.message where conversation_id = $1`,
		message.DirectID(message.Shop, buyer)).Scan(&bodies)
	if n := h.toldTo(t, buyer); err != nil || n != want || bodies != want {
		t.Errorf("the shop said %d things to %s, %d different ones (%v), want %d", n, buyer, bodies, err, want)
	}
}

// heardOut waits until push-message has taken all that its stream has.
func (h *house) heardOut(t *testing.T, stream string) {
	t.Helper()
	until := time.Now()
	eventually(t, "push-message to have heard all of "+stream, func() bool {
		c, err := h.js.Consumer(t.Context(), stream, "push-message")
		if err != nil {
			return false
		}
		i := c.CachedInfo()
		return i.NumPending == 0 && i.NumAckPending == 0 && i.TimeStamp.After(until)
	})
}
