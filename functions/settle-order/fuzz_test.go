package main

import (
	"encoding/json"
	"testing"

	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/order"
	"bazaar/shared/payment"
	"bazaar/shared/payment/alipay"
)

// FuzzNotified: an event that names the notice applies it, one that names another
// changes nothing, and one that names none is its own fault; its neighbours in
// the call are done whatever it is.
func FuzzNotified(f *testing.F) {
	for _, data := range []string{`{"inbox_id":1}`, `{"inbox_id":2}`, `{"inbox_id":1,"newer":[]}`, "", "null", "{}", "[]", `{"inbox_id":"1"}`, `{"inbox_id":-1}`, `{"inbox_id":1.5}`, `{"inbox_id":9223372036854775808}`, `{"INBOX_ID":1}`} {
		f.Add([]byte(data), true)
		f.Add([]byte(data), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, first bool) {
		b := newBooks()
		n := b.notice(alipay.TradeSuccess)
		good, err := payment.NotifiedEvent(n.ID)
		if err != nil {
			t.Fatal(err)
		}
		odd := event.Event{SpecVersion: "1.0", ID: "odd", Source: event.Source, Type: payment.Notified, Data: data}
		var named payment.NotifiedData
		none := json.Unmarshal(data, &named) != nil || named.InboxID < 1

		failed, err := b.handler().Notified(t.Context(), []event.Event{odd})
		if err != nil || len(failed) == 1 != none {
			t.Fatalf("%q alone: %+v, %v", data, failed, err)
		}
		if paid := b.order.State == order.StatePaid; paid != (!none && named.InboxID == n.ID) {
			t.Errorf("%q leaves the order %s", data, b.order.State)
		}
		batch := []event.Event{good, odd}
		if first {
			batch = []event.Event{odd, good}
		}
		failed, err = b.handler().Notified(t.Context(), batch)
		if err != nil || len(failed) == 1 != none || b.order.State != order.StatePaid || b.confirmed != 2 {
			t.Fatalf("%q among others: %+v, %v, the order is %s", data, failed, err, b.order.State)
		}
		for _, one := range failed {
			if one.ID != "odd" || one.Kind != fault.Invalid {
				t.Errorf("%q: %+v", data, one)
			}
		}
	})
}
