package main

import (
	"net/http"
	"net/url"
	"testing"
)

// FuzzCreate: a payment is started for an order of the caller, once, and asked
// for the order's amount; whatever else is asked for leaves nothing.
func FuzzCreate(f *testing.F) {
	for _, c := range [][2]string{{orderID, `{"provider":"alipay"}`}, {orderID, `{"provider":"cash"}`}, {orderID, ""}, {orderID, "null"}, {orderID, `{"provider":"alipay","amount":1}`},
		{orderID, `{"provider":"alipay","provider":"cash"}`}, {"x", `{"provider":"alipay"}`}, {"../" + orderID, `{"provider":"alipay"}`}, {"{" + orderID + "}", `{"provider":"alipay"}`}, {"%00", "{}"}} {
		f.Add(c[0], c[1])
	}
	f.Fuzz(func(t *testing.T, id, body string) {
		s := &shop{}
		res, out := s.call(t, "POST", "/"+url.PathEscape(id), "alice", "k", body)
		left := len(s.payments) + len(s.asked) + len(s.answers)
		switch res.StatusCode {
		case http.StatusCreated:
			if id != orderID || len(s.payments) != 1 || len(s.asked) != 1 || s.asked[0].Fen != 8800 || out["order_id"] != orderID {
				t.Errorf("%q, %q: %v, asked %+v", id, body, out, s.asked)
			}
		case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusRequestEntityTooLarge:
			if left != 0 {
				t.Errorf("%q, %q is refused and leaves %+v %+v %+v", id, body, s.payments, s.asked, s.answers)
			}
		default:
			t.Errorf("%q, %q is answered %d %v", id, body, res.StatusCode, out)
		}
	})
}
