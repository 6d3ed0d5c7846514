package main

import (
	"net/http"
	"testing"

	"bazaar/shared/idem"
	"bazaar/shared/order"
)

// FuzzCreate: what is answered 202 is in the queue as an order of what was asked
// for at the prices of today; what is refused is not, and leaves its key free.
func FuzzCreate(f *testing.F) {
	for _, body := range []string{
		twoTeas, "", "null", "{}", `{"lines":[]}`, `{"lines":[{"sku":"tea","quantity":1}],"expected_total":{"amount":250,"currency":"CNY"}}`, `{"lines":[{"sku":"tea","quantity":1}],"expected_total":null}`,
		`{"lines":[{"sku":"tea","quantity":1e0}]}`, `{"lines":[{"sku":"tea","quantity":"1"}]}`, `{"lines":[{"sku":"tea","quantity":1001}]}`, `{"lines":[{"sku":"gem","quantity":2}]}`,
		`{"lines":[{"sku":"tea","quantity":1},{"sku":"mug","quantity":1}]}`, `{"lines":[{"sku":"tea\u0000","quantity":1}]}`, `{"lines":[{"sku":"tea","quantity":1},{"sku":"tea","quantity":1}]}`,
		`{"lines":[{"sku":"no","quantity":1}]}`, `{"lines":[null]}`, `{"lines":[{"quantity":18446744073709551617}]}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		s := newShop()
		w := s.order(t, "alice", "k", body)
		switch w.Code {
		case http.StatusAccepted:
			if len(s.queued) != 1 {
				t.Fatalf("%q is accepted with %d events", body, len(s.queued))
			}
			d, err := order.DraftOf(s.queued[0])
			if err != nil || d.UserID != "alice" || d.OrderID != (idem.Key{Scope: idem.ScopeOrder, Owner: "alice", Key: "k"}).ID() {
				t.Errorf("%q is queued as %+v, %v", body, d, err)
			}
			for _, l := range d.Lines {
				if price, known := s.prices[l.SKU]; !known || l.Amount != price.Amount || price.Currency != d.Currency {
					t.Errorf("%q is queued with %+v", body, l)
				}
			}
			if again := s.order(t, "alice", "k", body); again.Body.String() != w.Body.String() || len(s.queued) != 1 {
				t.Errorf("%q is answered %s, and then %s", body, w.Body, again.Body)
			}
		case http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge:
			if len(s.queued) != 0 || len(s.keys) != 0 {
				t.Errorf("%q is refused, %d events, %d keys", body, len(s.queued), len(s.keys))
			}
		default:
			t.Errorf("%q is answered %d %s", body, w.Code, w.Body)
		}
	})
}

// FuzzProgress: an attempt that takes over what another had decided queues that
// order, or nothing: what the memory holds may be spoilt.
func FuzzProgress(f *testing.F) {
	id := idem.Key{Scope: idem.ScopeOrder, Owner: "alice", Key: "k"}.ID()
	good := `{"order_id":"` + id + `","user_id":"alice","fingerprint":"f","lines":[{"sku":"tea","quantity":2,"amount":250}],"amount":500,"currency":"CNY","placed_at":"2026-01-02T03:04:05Z"}`
	for _, progress := range []string{good, "", "{}", "null", "[", `{"order_id":"` + id + `"}`, `{"order_id":"x"}`, good[:len(good)-1], good + "}"} {
		f.Add([]byte(progress))
	}
	body := `{"lines":[{"sku":"tea","quantity":2}]}`
	print, err := idem.Fingerprint(input{Lines: []inputLine{{SKU: "tea", Quantity: 2}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, progress []byte) {
		s := newShop()
		s.keys[id] = &record{idem.Record{ID: id, Fingerprint: print, Progress: progress}, idem.TakenOver}
		w := s.order(t, "alice", "k", body)
		if w.Code == http.StatusAccepted != (len(s.queued) == 1) || w.Code != http.StatusAccepted && w.Code != http.StatusInternalServerError {
			t.Fatalf("%q is answered %d %s, %d events", progress, w.Code, w.Body, len(s.queued))
		}
		for _, e := range s.queued {
			if d, err := order.DraftOf(e); err != nil || d.OrderID != id {
				t.Errorf("%q is queued as %+v, %v", progress, d, err)
			}
		}
	})
}
