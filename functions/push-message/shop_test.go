package main

import (
	"encoding/json"
	"strings"
	"testing"

	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/fn"
	"bazaar/shared/message"
	"bazaar/shared/order"
	"bazaar/shared/payment"
)

// moved is the event of an order of dora.
func moved(t testing.TB, typ, id string) event.Event {
	t.Helper()
	e, err := event.New(typ, id, orderID, order.Changed{OrderID: orderID, UserID: "dora", Version: 2})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestTheShopSpeaksOfOrders(t *testing.T) {
	h := newHall()
	for i, typ := range []string{order.Reserved, order.Paid, order.Shipped, order.Closed} {
		e := moved(t, typ, orderID+"."+string(rune('1'+i)))
		failed, err := h.handler().OrderMoved(t.Context(), []event.Event{e, e})
		if err != nil || len(failed) != 0 || len(h.drafts) != i+1 {
			t.Fatalf("%s: %+v, %v, %d drafts", typ, failed, err, len(h.drafts))
		}
		d := h.drafts[i]
		var body orderBody
		if err := json.Unmarshal(d.Body, &body); err != nil || body.OrderID != orderID || "order."+body.Event != typ || body.Text == "" {
			t.Errorf("%s: %s, %v", typ, d.Body, err)
		}
		if d.Sender != message.Shop || d.To != "dora" || d.Kind != "shop.order" || d.ClientMsgID != orderID+"-"+string(rune('1'+i)) || !d.Ours {
			t.Errorf("%s: %+v", typ, d)
		}
	}
}

func TestTheShopSpeaksOfRefunds(t *testing.T) {
	h := newHall()
	e, err := payment.RefundedEvent(payment.RefundedData{RefundID: orderID, PaymentID: paymentID, OrderID: "another", UserID: "eve"})
	if err != nil {
		t.Fatal(err)
	}
	if failed, err := h.handler().Refunded(t.Context(), []event.Event{e}); err != nil || len(failed) != 0 || len(h.drafts) != 1 {
		t.Fatalf("%+v, %v, %d drafts", failed, err, len(h.drafts))
	}
	var body refundBody
	d := h.drafts[0]
	if err := json.Unmarshal(d.Body, &body); err != nil || body.PaymentID != paymentID || body.OrderID != orderID || body.Amount.Amount != 500 {
		t.Errorf("%s, %v", d.Body, err)
	}
	if d.To != "dora" || d.Kind != "shop.refund" || d.ClientMsgID != "payment-refunded-"+orderID {
		t.Errorf("%+v: the facts are the store's, whatever the event says", d)
	}
	none := e
	none.Data = []byte(`{"payment_id":"` + orderID + `"}`)
	failed, err := h.handler().Refunded(t.Context(), []event.Event{none})
	if err != nil || len(failed) != 1 || failed[0].Kind != fault.Invalid {
		t.Errorf("a payment that is not there: %+v, %v", failed, err)
	}
	h.down = fault.New(fault.Unavailable, "unavailable", "Later.")
	if _, err := h.handler().Refunded(t.Context(), []event.Event{e}); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("while the store is away: %v", err)
	}
}

// An event fails alone, a store that is away fails the call, and what was said
// before is done.
func TestEventsOfOrdersThatAreNot(t *testing.T) {
	good := moved(t, order.Paid, orderID+".2")
	broken, strange, nobody, ourselves := good, good, good, good
	broken.ID, broken.Data = "broken", []byte(`[`)
	strange.ID, strange.Data = "strange", []byte(`{"order_id":"x","user_id":"dora"}`)
	nobody.ID, nobody.Data = "nobody", []byte(`{"order_id":"`+orderID+`","user_id":"somebody@example.com"}`)
	ourselves.ID, ourselves.Data = "ourselves", []byte(`{"order_id":"`+orderID+`","user_id":"shop"}`)
	h := newHall()
	failed, err := h.handler().OrderMoved(t.Context(), []event.Event{broken, good, strange, nobody, ourselves})
	if err != nil || len(h.drafts) != 1 || len(failed) != 2 || failed[0].ID != "broken" || failed[1].ID != "strange" {
		t.Fatalf("%+v, %v, %d drafts", failed, err, len(h.drafts))
	}
	for name, c := range map[string]struct {
		err    error
		failed int
		whole  bool
	}{
		"said in other words": {err: fault.New(fault.Mismatch, "client_msg_id_reused", "Used.")},
		"a store away":        {err: fault.New(fault.Unavailable, "unavailable", "Later."), whole: true},
		"a mistake of ours":   {err: fault.New(fault.Internal, "internal", "Oh."), failed: 1},
	} {
		h := newHall()
		h.errs = []error{c.err}
		failed, err := h.handler().OrderMoved(t.Context(), []event.Event{good})
		if (err != nil) != c.whole || len(failed) != c.failed {
			t.Errorf("%s: %+v, %v", name, failed, err)
		}
	}
}

// FuzzOrderMoved: an event of an order is said to its buyer once, one of none is
// its own fault, and its neighbours are said whatever it is.
func FuzzOrderMoved(f *testing.F) {
	for _, data := range []string{`{"order_id":"` + orderID + `","user_id":"eve"}`, "", "null", "{}", "[]", `{"order_id":1}`, `{"order_id":"` + orderID + `","user_id":""}`,
		`{"order_id":"` + orderID + `","user_id":"shop"}`, `{"order_id":"` + orderID + `","user_id":"a\u0000b"}`} {
		f.Add([]byte(data), "odd.1")
	}
	f.Add([]byte(`{"order_id":"`+orderID+`","user_id":"eve"}`), "\n")
	f.Fuzz(func(t *testing.T, data []byte, id string) {
		if strings.ReplaceAll(id, ".", "-") == orderID+"-2" {
			return // the same event
		}
		h := newHall()
		good := moved(t, order.Paid, orderID+".2")
		odd := event.Event{SpecVersion: "1.0", ID: id, Source: event.Source, Type: order.Paid, Data: data}
		failed, err := h.handler().OrderMoved(t.Context(), []event.Event{odd, good, odd})
		if err != nil {
			t.Fatalf("%q fails the call: %v", data, err)
		}
		said := map[string]int{}
		for _, d := range h.drafts {
			said[d.ClientMsgID]++
			if d.Validate() != nil || d.Sender != message.Shop {
				t.Errorf("%q is said as %+v", data, d)
			}
		}
		if said[orderID+"-2"] != 1 || len(h.drafts) > 2 {
			t.Errorf("%q %q: said are %v", data, id, said)
		}
		checkFailed(t, failed, id)
	})
}

// FuzzStored: of what an event names only what there is is told, and no event but
// the odd one fails.
func FuzzStored(f *testing.F) {
	for _, data := range []string{`{"spans":[{"conversation":"g_1","first":1,"last":2}]}`, `{"recalls":[{"conversation":"g_1","seq":1}]}`, "", "null", "{}", "[]",
		`{"spans":[{"conversation":"g_1","first":0,"last":2}]}`, `{"spans":[{"conversation":"g_1","first":1,"last":9223372036854775807}]}`, `{"spans":[{"conversation":"g_2","first":1,"last":2}]}`,
		`{"spans":[{"conversation":"a.b","first":1,"last":2}]}`, `{"spans":[{"conversation":"g_1","first":-9223372036854775808,"last":9223372036854775807}]}`} {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h := newHall()
		good, err := message.StoredEvent("good", message.StoredData{Spans: []message.Stretch{{Conversation: "g_1", First: 1, Last: 2}}})
		if err != nil {
			t.Fatal(err)
		}
		odd := event.Event{SpecVersion: "1.0", ID: "odd", Source: event.Source, Type: message.Stored, Data: data}
		failed, err := h.handler().Stored(t.Context(), []event.Event{odd, good})
		if err != nil {
			t.Fatalf("%q fails the call: %v", data, err)
		}
		checkFailed(t, failed, "odd")
		for _, n := range h.notes {
			if n.Subject != message.SentSubject("g_1") || n.Header.Get(message.HeaderVersion) != "7" {
				t.Errorf("%q: %+v is told", data, n)
			}
		}
		if len(h.absent) < 2 {
			t.Errorf("%q: %d messages are told", data, len(h.absent))
		}
	})
}

func checkFailed(t *testing.T, failed []fn.Failed, id string) {
	t.Helper()
	for _, one := range failed {
		if one.ID != id || one.Kind != fault.Invalid {
			t.Errorf("%+v", one)
		}
	}
}
