package main

import (
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"bazaar/shared/payment"
)

// FuzzTake: what nobody has signed answers failure and leaves nothing.
func FuzzTake(f *testing.F) {
	for _, c := range [][3]string{{form, "a=1&sign=x&sign_type=RSA2", ""}, {"", "", ""}, {"application/json", "{}", ""}, {form, "sign_type=RSA2&sign=%zz", ""}, {form, "a=1&a=2", "total_amount=1"},
		{"application/x-www-form-urlencoded; charset=\"", "sign=", ""}, {form, "sign_type=RSA2&sign=AAAA&total_amount=\x00", ""}} {
		f.Add(c[0], c[1], c[2])
	}
	f.Fuzz(func(t *testing.T, contentType, body, query string) {
		s := &store{}
		target := "/alipay"
		if query != "" {
			target += "?a=" + strings.Map(func(r rune) rune {
				if r <= ' ' || r > '~' || r == '#' || r == '%' {
					return 'x'
				}
				return r
			}, query)
		}
		w := post(serve(t, s), target, contentType, body)
		known := w.Code == http.StatusOK && w.Body.String() == refused || w.Code == http.StatusRequestEntityTooLarge || w.Code == http.StatusBadRequest && query != ""
		if !known || len(s.notices)+len(s.recorded)+len(s.announced) != 0 {
			t.Errorf("%q %q is answered %d %s, stored %+v", contentType, body, w.Code, w.Body, s.notices)
		}
	})
}

// FuzzSigned: whatever the provider has signed is answered success, stored once
// as it can be stored, and announced where it may be ours.
func FuzzSigned(f *testing.F) {
	f.Add("n1", "o_1", "88.00", "TRADE_SUCCESS", "")
	f.Add("", "o\x00\xff", "1e4", "", "x&y=z")
	f.Add(strings.Repeat("n", 300), strings.Repeat("é", 3000), "-1", "TRADE_CLOSED", "&amp")
	f.Fuzz(func(t *testing.T, id, number, amount, status, subject string) {
		s := &store{}
		p := params()
		p["notify_id"], p["out_trade_no"], p["total_amount"], p["trade_status"], p["subject"] = id, number, amount, status, subject
		body := signed(t, p)
		h := serve(t, s)
		for range 2 {
			w := post(h, "/alipay", form, body)
			switch {
			case w.Code == http.StatusRequestEntityTooLarge:
				return
			case w.Code == http.StatusOK && w.Body.String() == refused && ambiguous(p):
				return
			case w.Code != http.StatusOK || w.Body.String() != accepted:
				t.Fatalf("%q is answered %d %s", p, w.Code, w.Body)
			}
		}
		if len(s.notices) != 1 {
			t.Fatalf("%q is stored %d times", p, len(s.notices))
		}
		n := s.notices[0]
		if n.State == payment.New != (len(s.announced) == 1) || len(s.announced) != len(s.recorded) {
			t.Errorf("%q is %s, and %d events were announced", p, n.State, len(s.announced))
		}
		for _, text := range []string{n.NotifyID, n.OutTradeNo, n.TradeNo, n.TradeStatus, n.Raw} {
			if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
				t.Errorf("%q is stored with %q", p, text)
			}
		}
	})
}

// ambiguous reports whether a value could hold another parameter.
func ambiguous(p map[string]string) bool {
	for _, value := range p {
		if strings.Contains(value, "&") && strings.Contains(value, "=") {
			return true
		}
	}
	return false
}
