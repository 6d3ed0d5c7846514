package main

import (
	"testing"

	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/order"
)

// FuzzReserve: an event that is an order is decided, one that is none is its own
// fault, and its neighbour in the call is decided whatever it is.
func FuzzReserve(f *testing.F) {
	const good = `{"order_id":"0b6f5a0e-6d5c-5a55-8f3e-6a2f9a3d6c11","user_id":"u","currency":"CNY","amount":5,"lines":[{"sku":"a","quantity":1,"amount":5}],"placed_at":"2026-01-02T03:04:05Z"}`
	for _, data := range []string{good, "", "null", "{}", "[]", `{"order_id":"x"}`, good[:len(good)-2], `{"lines":[{"quantity":9223372036854775807,"amount":2}],"amount":-2}`, `{"order_id":"0B6F5A0E-6D5C-5A55-8F3E-6A2F9A3D6C11"}`} {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h := &house{available: map[string]int64{"a": 1 << 40, "b": 1}}
		neighbour := placed(t, "b")
		odd := event.Event{SpecVersion: "1.0", ID: "odd", Source: event.Source, Type: order.Placed, Data: data}
		d, wrong := order.DraftOf(odd)
		failed, err := h.handler().Reserve(t.Context(), []event.Event{odd, neighbour, odd})
		if err != nil {
			t.Fatalf("%q fails the call: %v", data, err)
		}
		decided := map[string]bool{}
		for _, v := range h.decided {
			if decided[v.Draft.OrderID] {
				t.Errorf("%q is decided twice", data)
			}
			decided[v.Draft.OrderID] = true
		}
		if !decided[neighbour.ID] || wrong == nil != decided[d.OrderID] || wrong == nil != (len(failed) == 0) || wrong != nil && len(h.decided) != 1 {
			t.Errorf("%q (%v): decided %+v, failed %+v", data, wrong, h.decided, failed)
		}
		for _, one := range failed {
			if one.ID != "odd" || one.Kind != fault.Invalid || one.Detail == "" {
				t.Errorf("%q: %+v", data, one)
			}
		}
	})
}
