package main

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"bazaar/shared/auth"
	"bazaar/shared/fault"
	"bazaar/shared/idem"
	"bazaar/shared/order"
	"bazaar/shared/payment"
	"bazaar/shared/payment/alipay"
)

// is fails the test unless the answer has this status and code.
func is(t *testing.T, res *http.Response, out map[string]any, status int, code string) {
	t.Helper()
	if got, _ := out["code"].(string); res.StatusCode != status || got != code {
		t.Errorf("answered %d %v, not %d %s", res.StatusCode, out, status, code)
	}
}

func TestCreate(t *testing.T) {
	t.Parallel()
	s := &shop{}
	res, out := s.create(t, "k1")
	is(t, res, out, 201, "")
	if out["qr_code"] != "https://pay/o_1" || out["pay_url"] != out["qr_code"] || out["status"] != "WAIT" ||
		out["order_id"] != orderID || out["out_trade_no"] != "o_1" || fmt.Sprint(out["amount"]) != "map[amount:8800 currency:CNY]" {
		t.Errorf("%v", out)
	}
	if want := (idem.Key{Scope: scope, Owner: "alice", Key: "k1"}).ID(); out["payment_id"] != want {
		t.Errorf("payment_id is %v, not %s", out["payment_id"], want)
	}
	again, same := s.create(t, "k1")
	if again.StatusCode != 201 || again.Header.Get("Idempotent-Replayed") != "true" || fmt.Sprint(same) != fmt.Sprint(out) {
		t.Errorf("replayed as %d %v", again.StatusCode, same)
	}
	if len(s.asked) != 1 || s.asked[0].Fen != 8800 || s.asked[0].Expires.IsZero() {
		t.Errorf("asked %+v", s.asked)
	}
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	const good = `{"provider":"alipay"}`
	for name, c := range map[string]struct {
		target, user, key, body string
		status                  int
		code                    string
	}{
		"no key":           {"/" + orderID, "alice", "", good, 400, "idempotency_key_missing"},
		"another provider": {"/" + orderID, "alice", "k", `{"provider":"cash"}`, 400, "unknown_provider"},
		"an amount":        {"/" + orderID, "alice", "k", `{"provider":"alipay","amount":1}`, 400, "invalid_body"},
		"another's order":  {"/" + orderID, "bob", "k", good, 404, "not_found"},
		"no such order":    {"/0b5ec5d0-8c3f-5d3a-9a57-000000000000", "alice", "k", good, 404, "not_found"},
		"no id of ours":    {"/xyz", "alice", "k", good, 404, "not_found"},
	} {
		s := &shop{}
		res, out := s.call(t, "POST", c.target, c.user, c.key, c.body)
		is(t, res, out, c.status, c.code)
		if len(s.payments)+len(s.asked)+len(s.answers) != 0 {
			t.Errorf("%s: left %+v, asked %+v, answers %+v", name, s.payments, s.asked, s.answers)
		}
	}
}

func notPayable() error { return fault.New(fault.Conflict, "order_not_payable", "no") }

func TestCreateForAnOrderThatIsNotPayable(t *testing.T) {
	t.Parallel()
	s := &shop{payable: notPayable()}
	res, out := s.create(t, "k1")
	is(t, res, out, 409, "order_not_payable")
	if len(s.payments)+len(s.asked)+len(s.answers) != 0 {
		t.Errorf("left %+v, asked %+v, answers %+v", s.payments, s.asked, s.answers)
	}
}

func TestCreateForAnOrderThatIsInTheQueue(t *testing.T) {
	t.Parallel()
	const queued = "7d444840-9dc0-51d1-b245-5ffdce74fad2"
	s := &shop{queued: map[string]order.Draft{queued: {OrderID: queued, UserID: "alice"}}}
	res, out := s.call(t, "POST", "/"+queued, "alice", "k1", `{"provider":"alipay"}`)
	is(t, res, out, 409, "order_not_payable")
	if res.Header.Get("Retry-After") == "" || len(s.payments) != 0 {
		t.Errorf("%v %+v", res.Header, s.payments)
	}
	res, out = s.call(t, "POST", "/"+queued, "bob", "k1", `{"provider":"alipay"}`)
	is(t, res, out, 404, "not_found")
}

func TestCreateForMoreThanTheProviderTakes(t *testing.T) {
	t.Parallel()
	s := &shop{amount: alipay.MaxFen + 1}
	res, out := s.create(t, "k1")
	is(t, res, out, 409, "order_not_payable")
	if len(s.payments) != 0 {
		t.Errorf("an attempt was opened: %+v", s.payments)
	}
}

// The order is cancelled while the provider is asked: the attempt stays for
// closing to settle, and the buyer gets no code.
func TestCreateReadsTheOrderAgain(t *testing.T) {
	t.Parallel()
	s := &shop{}
	s.precreate = func(alipay.Order) (string, error) {
		s.payable = notPayable()
		return "https://pay/1", nil
	}
	res, out := s.create(t, "k1")
	is(t, res, out, 409, "order_not_payable")
	if len(s.payments) != 1 || !s.payments[0].Open() || out["qr_code"] != nil {
		t.Errorf("%+v, %v", s.payments, out)
	}
	s.payable = nil // the answer was definite: the key keeps it
	res, out = s.create(t, "k1")
	is(t, res, out, 409, "order_not_payable")
}

func TestCreateTakesUpAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	s := &shop{precreate: func(alipay.Order) (string, error) { return "", fmt.Errorf("dropped: %w", alipay.ErrUnknown) }}
	res, out := s.create(t, "k1")
	is(t, res, out, 503, "unavailable")
	if res.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	s.precreate = nil
	res, out = s.create(t, "k1")
	is(t, res, out, 201, "")
	if len(s.payments) != 1 || len(s.asked) != 2 || s.asked[0] != s.asked[1] {
		t.Errorf("%+v, asked %+v", s.payments, s.asked)
	}
}

func TestCreateBesideAnOpenAttempt(t *testing.T) {
	t.Parallel()
	closed := alipay.Trade{Status: alipay.TradeClosed}
	refunded := alipay.Trade{Status: alipay.TradeClosed, PaidAt: time.Unix(1, 0)}
	for name, c := range map[string]struct {
		trade alipay.Trade
		err   error
		next  bool
	}{
		"waiting":             {alipay.Trade{Status: alipay.WaitBuyerPay}, nil, false},
		"paid":                {alipay.Trade{Status: alipay.TradeSuccess}, nil, false},
		"never scanned":       {alipay.Trade{}, &alipay.Refused{Answer: alipay.Answer{SubCode: alipay.TradeNotExist}}, false},
		"unknown":             {closed, alipay.ErrUnknown, false},
		"paid and refunded":   {refunded, nil, false},
		"closed by the payer": {closed, nil, true},
	} {
		s := &shop{}
		_, first := s.create(t, "k1")
		s.trade, s.queryErr = c.trade, c.err
		res, second := s.create(t, "k2")
		is(t, res, second, 201, "")
		if next := first["payment_id"] != second["payment_id"]; next != c.next || len(s.payments) != map[bool]int{true: 2, false: 1}[c.next] {
			t.Errorf("%s: first %v, second %v", name, first, second)
		}
	}
}

// A call died between its transaction and the provider; another key takes the
// attempt up.
func TestCreateStartsAnAttemptThatSomebodyLeft(t *testing.T) {
	t.Parallel()
	s := &shop{precreate: func(alipay.Order) (string, error) { return "", alipay.ErrUnknown }}
	s.create(t, "k1")
	s.precreate, s.queryErr = nil, &alipay.Refused{Answer: alipay.Answer{SubCode: alipay.TradeNotExist}}
	res, out := s.create(t, "k2")
	is(t, res, out, 201, "")
	if len(s.payments) != 1 || out["payment_id"] != s.payments[0].ID || out["qr_code"] != "https://pay/o_1" {
		t.Errorf("%+v, %v", s.payments, out)
	}
}

func TestCreateWhenTheProviderRefuses(t *testing.T) {
	t.Parallel()
	for code, c := range map[string]struct {
		status int
		code   string
		now    payment.Status
	}{
		alipay.TradeHasSuccess:     {503, "unavailable", payment.Wait},
		alipay.TradeHasClose:       {503, "unavailable", payment.Closed},
		alipay.ContextInconsistent: {500, "internal", payment.Wait},
	} {
		s := &shop{precreate: func(alipay.Order) (string, error) {
			return "", &alipay.Refused{Answer: alipay.Answer{Code: "40004", SubCode: code}}
		}}
		res, out := s.create(t, "k1")
		is(t, res, out, c.status, c.code)
		if s.payments[0].Status != c.now {
			t.Errorf("%s: %+v", code, s.payments)
		}
	}
}

func TestShow(t *testing.T) {
	t.Parallel()
	s := &shop{}
	_, made := s.create(t, "k1")
	id := "/" + made["payment_id"].(string)
	for user, status := range map[string]int{"alice": 200, "root+" + auth.RoleAdmin: 200, "bob": 404, "bob+" + auth.RoleWarehouse: 404} {
		res, out := s.call(t, "GET", id, user, "", "")
		if res.StatusCode != status || status == 200 && fmt.Sprint(out) != fmt.Sprint(made) {
			t.Errorf("%s: %d %v", user, res.StatusCode, out)
		}
	}
	_, theirs := s.call(t, "GET", id, "bob", "", "")
	_, none := s.call(t, "GET", "/"+orderID, "bob", "", "")
	delete(theirs, "instance")
	delete(none, "instance")
	delete(theirs, "trace_id")
	delete(none, "trace_id")
	if fmt.Sprint(theirs) != fmt.Sprint(none) {
		t.Errorf("another's payment is %v, none is %v", theirs, none)
	}
}

func TestRefundsAreNotThere(t *testing.T) {
	t.Parallel()
	s := &shop{}
	res, out := s.call(t, "POST", "/"+orderID+"/refunds", "root+admin", "k", "{}")
	is(t, res, out, 404, "not_found")
}
