package contract_test

import (
	"net/url"
	"strings"
	"testing"

	"bazaar/shared/payment/alipay"
)

const form = "application/x-www-form-urlencoded"

// notify calls as the provider would.
func (h *house) notify(t testing.TB, query, body, kind string) answer {
	t.Helper()
	return h.nobody().call(t, "POST", "payment-callback/alipay"+query, body, header{"Content-Type", kind})
}

// says checks the one word that the provider reads.
func (a answer) says(t testing.TB, word, about string) {
	t.Helper()
	if a.status != 200 || string(a.body) != word || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
		t.Errorf("%s: %d %q %s, want %s", about, a.status, a.body, a.header.Get("Content-Type"), word)
	}
}

// notice is a notification that the trade of v is paid, signed as the
// provider signs.
func (h *house) notice(t testing.TB, v paymentView, changed map[string]string) map[string]string {
	t.Helper()
	provider, err := alipay.PrivateKey([]byte(h.Secret(t, "paysim-key")))
	if err != nil {
		t.Fatal(err)
	}
	params := map[string]string{
		"notify_id": short(), "notify_type": "trade_status_sync", "app_id": "2021000000000001", "seller_id": "2088000000000001",
		"charset": "utf-8", "version": "1.0", "sign_type": "RSA2", "trade_no": short(), "out_trade_no": v.OutTradeNo,
		"trade_status": "TRADE_SUCCESS", "total_amount": "42.00",
	}
	for name, value := range changed {
		params[name] = value
	}
	if params["sign"], err = alipay.Sign(provider, []byte(alipay.NotificationString(params))); err != nil {
		t.Fatal(err)
	}
	return params
}

func TestNotificationsThatTheProviderDidNotMake(t *testing.T) {
	t.Parallel()
	h := open(t)
	buyer := h.buyer(t)
	id := buyer.reserved(t, line{h.product(t, 1, cny(4200)), 1}).OrderID
	v := buyer.pay(t, id)
	good := h.notice(t, v, nil)
	body := alipay.EncodeForm(good)
	change := func(name, value string) string {
		values, err := url.ParseQuery(body)
		if err != nil {
			t.Fatal(err)
		}
		values.Set(name, value)
		return values.Encode()
	}
	for about, forged := range map[string]string{
		"nothing": "", "JSON": "{}", "bytes": "\xff\x00\xfe", "no pair": "success", "a wrong escape": body + "&x=%zz",
		"another amount": change("total_amount", "0.01"), "another trade": change("out_trade_no", v.OutTradeNo+"x"),
		"another app": change("app_id", "1"), "no signature": change("sign", ""), "a cut signature": change("sign", good["sign"][4:]),
		"another signature type": change("sign_type", "RSA"), "signature type none": change("sign_type", "none"),
		"a parameter twice": body + "&total_amount=42.00", "semicolons": strings.ReplaceAll(body, "&", ";"),
	} {
		h.notify(t, "", forged, form).says(t, "failure", about)
	}
	h.notify(t, "", body, "application/json").says(t, "failure", "called JSON")
	h.notify(t, "", body, "text/plain").says(t, "failure", "called text")
	h.notify(t, "?"+body, "", form).says(t, "failure", "in the query")
	h.notify(t, "?x=1", body, form).says(t, "failure", "beside a query")
	if a := h.notify(t, "?a;b", body, form); string(a.body) == "success" {
		t.Errorf("beside half a query: %d %s", a.status, a.body)
	}
	h.nobody().call(t, "POST", "payment-callback/alipay", strings.Repeat("a=b&", 1<<20), header{"Content-Type", form}).fails(t, 413, "too_large")
	if o := buyer.order(t, id); o.Status != "reserved" || o.Payment.Status != "WAIT" {
		t.Errorf("%+v", o)
	}
}

// What is truly the provider's is taken in, so that it stops; it pays only what it fits.
func TestNotificationsThatDoNotFit(t *testing.T) {
	t.Parallel()
	h := open(t)
	buyer := h.buyer(t)
	id := buyer.reserved(t, line{h.product(t, 1, cny(4200)), 1}).OrderID
	v := buyer.pay(t, id)
	for _, changed := range []map[string]string{
		{"total_amount": "0.01"}, {"total_amount": "1e3"}, {"total_amount": " "}, {"total_amount": strings.Repeat("9", 50)},
		{"app_id": "x"}, {"seller_id": "x"}, {"out_trade_no": "no-such-trade"}, {"out_trade_no": "a\x00b"}, {"out_trade_no": "a\xffb"},
		{"out_trade_no": strings.Repeat("x", 5000)}, {"trade_status": "\x00"}, {"trade_status": "TRADE_FUN"}, {"notify_id": ""}, {"subject": "a\x00\xffb"},
	} {
		if changed["total_amount"] == "" {
			changed["total_amount"] = "0.02" // else it might fit
		}
		h.notify(t, "", alipay.EncodeForm(h.notice(t, v, changed)), form).says(t, "success", "signed")
	}
	if o := buyer.order(t, id); o.Status != "reserved" || o.Payment.Status != "WAIT" {
		t.Errorf("%+v", o)
	}
	h.notify(t, "", alipay.EncodeForm(h.notice(t, v, nil)), form+"; charset=utf-8").says(t, "success", "the true one")
	buyer.await(t, id, "paid")
}
