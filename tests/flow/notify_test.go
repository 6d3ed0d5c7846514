package flow_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"
)

// forgery is what paysim is asked to send by hand; see its API.
type forgery map[string]any

// delivery is what came back to paysim.
type delivery struct {
	Status int    `json:"status"`
	Answer string `json:"answer"`
}

// notify has paysim send notifications about a trade.
func (h *house) notify(t testing.TB, outTradeNo string, f forgery) []delivery {
	t.Helper()
	body, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	a, err := send("POST", h.Paysim+"/api/trades/"+outTradeNo+"/notify", "", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var sent struct{ Deliveries []delivery }
	a.into(t, 200, &sent)
	return sent.Deliveries
}

// trade is what paysim's books say.
func (h *house) trade(t testing.TB, outTradeNo string) (status string) {
	t.Helper()
	a, err := send("GET", h.Paysim+"/api/trades/"+outTradeNo, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	var trade struct{ Status string }
	a.into(t, 200, &trade)
	return trade.Status
}

// inbox counts the notices of a trade by state.
func (h *house) inbox(t testing.TB, outTradeNo string) map[string]int {
	t.Helper()
	rows, err := h.Pool.Query(t.Context(), `select state, count(*)::int from payment.inbox where out_trade_no = $1 group by state`, outTradeNo)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	states := map[string]int{}
	for rows.Next() {
		var state string
		var n int
		if err := rows.Scan(&state, &n); err != nil {
			t.Fatal(err)
		}
		states[state] = n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return states
}

// started is a reserved order with a payment that somebody is looking at.
func (h *house) started(t testing.TB, p person) (orderView, paymentView) {
	t.Helper()
	id := p.place(t, line{h.product(t, 1, 4200), 1})
	o := p.await(t, id, "reserved")
	v := p.pay(t, id)
	if a, err := send("GET", v.PayURL, "", nil); err != nil || a.status != 200 {
		t.Fatalf("the page: %d %v", a.status, err)
	}
	return o, v
}

func TestTwentyNotificationsPayOnce(t *testing.T) {
	t.Parallel()
	h := open(t)
	alice := h.as(t, "alice")
	o, v := h.started(t, alice)
	v.press(t, "pay")
	for _, d := range h.notify(t, v.OutTradeNo, forgery{"times": 20}) {
		if d.Status != 200 || d.Answer != "success" {
			t.Errorf("%+v", d)
		}
	}
	alice.await(t, o.OrderID, "paid")
	for _, d := range h.notify(t, v.OutTradeNo, forgery{"times": 5, "fresh_id": true}) {
		if d.Answer != "success" {
			t.Errorf("%+v", d)
		}
	}
	eventually(t, "every notice to be decided", func() bool { return h.inbox(t, v.OutTradeNo)["new"] == 0 })
	if states := h.inbox(t, v.OutTradeNo); states["applied"] != 1 || states["late"] != 0 || states["rejected"] != 0 {
		t.Errorf("%v", states)
	}
	if h.trade(t, v.OutTradeNo) != "TRADE_SUCCESS" {
		t.Error("the provider's books disagree")
	}
	h.mustHold(t)
}

func TestForgedNotificationsPayNothing(t *testing.T) {
	t.Parallel()
	h := open(t)
	alice := h.as(t, "alice")
	paid := map[string]string{"trade_status": "TRADE_SUCCESS"}
	and := func(k, v string) map[string]string {
		return map[string]string{"trade_status": "TRADE_SUCCESS", k: v}
	}
	for name, c := range map[string]struct {
		forgery  forgery
		answer   string
		rejected int
	}{
		"an amount changed on the way":   {forgery{"set": paid, "tamper": map[string]string{"total_amount": "0.01"}}, "failure", 0},
		"a status changed on the way":    {forgery{"tamper": paid}, "failure", 0},
		"a signature of something else":  {forgery{"set": paid, "tamper": map[string]string{"sign": "AAAA"}}, "failure", 0},
		"no signature":                   {forgery{"set": paid, "tamper": map[string]string{"sign": ""}}, "failure", 0},
		"SHA-1, as sign_type=RSA":        {forgery{"set": and("sign_type", "RSA"), "sha1": true}, "failure", 0},
		"RSA2, said to be RSA":           {forgery{"set": and("sign_type", "RSA")}, "failure", 0},
		"a parameter twice":              {forgery{"set": paid, "append": "&total_amount=42.00"}, "failure", 0},
		"parameters in the query string": {forgery{"set": paid, "query": "total_amount=42.00"}, "failure", 0},
		"signed for another amount":      {forgery{"set": and("total_amount", "0.01")}, "success", 1},
		"signed for another app":         {forgery{"set": and("app_id", "2021999999999999")}, "success", 1},
		"signed for another seller":      {forgery{"set": and("seller_id", "2088999999999999")}, "success", 1},
		"an amount of too many digits":   {forgery{"set": and("total_amount", "42.000")}, "success", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, v := h.started(t, alice)
			c.forgery["fresh_id"], c.forgery["times"] = true, 3
			for _, d := range h.notify(t, v.OutTradeNo, c.forgery) {
				if d.Status != 200 || d.Answer != c.answer {
					t.Errorf("%+v", d)
				}
			}
			eventually(t, "every notice to be decided", func() bool {
				states := h.inbox(t, v.OutTradeNo)
				return states["rejected"] == c.rejected && len(states) <= 1
			})
			if again := alice.order(t, o.OrderID); again.Status != "reserved" {
				t.Errorf("%+v", again)
			}
			v.press(t, "pay") // the true one still counts
			alice.await(t, o.OrderID, "paid")
			if h.trade(t, v.OutTradeNo) != "TRADE_SUCCESS" {
				t.Error("the provider's books disagree")
			}
		})
	}
}

func TestANotificationBeforeTheOrderIsStoredCountsLater(t *testing.T) {
	h := open(t)
	alice := h.as(t, "alice")
	_, other := h.started(t, alice)
	sku := h.product(t, 1, 4200)

	h.signal(t, "reserve-stock", syscall.SIGSTOP)
	resumed := false
	resume := func() {
		if !resumed {
			resumed = true
			h.signal(t, "reserve-stock", syscall.SIGCONT)
		}
	}
	defer resume()
	id := alice.place(t, line{sku, 1})
	if o := alice.order(t, id); o.Status != "placed" {
		t.Errorf("%+v", o)
	}
	alice.call(t, "POST", "manage-order/"+id+"/cancel", nil).fails(t, 409, "order_pending")
	number := strings.ReplaceAll(id, "-", "") + "_1"
	early := forgery{"fresh_id": true, "times": 5, "set": map[string]string{
		"trade_status": "TRADE_SUCCESS", "out_trade_no": number, "trade_no": uuid.NewString(),
	}}
	for _, d := range h.notify(t, other.OutTradeNo, early) {
		if d.Answer != "success" {
			t.Errorf("%+v", d)
		}
	}
	eventually(t, "the notice to wait", func() bool { return h.inbox(t, number)["unmatched"] == 1 })
	resume()
	alice.await(t, id, "reserved")
	if v := alice.pay(t, id); v.OutTradeNo != number {
		t.Fatalf("the trade is %s", v.OutTradeNo)
	}
	alice.await(t, id, "paid")
	if states := h.inbox(t, number); states["applied"] != 1 || len(states) != 1 {
		t.Errorf("%v", states)
	}
	h.stock(t, sku, 0, 0, 1)
}

func TestMoneyForAClosedOrderIsKeptAndToldOf(t *testing.T) {
	t.Parallel()
	h := open(t)
	alice := h.as(t, "alice")
	o, v := h.started(t, alice)
	v.press(t, "cancel")
	alice.call(t, "POST", "manage-order/"+o.OrderID+"/cancel", nil).into(t, 200, nil)
	alice.await(t, o.OrderID, "closed")
	h.notify(t, v.OutTradeNo, forgery{"fresh_id": true, "set": map[string]string{"trade_status": "TRADE_SUCCESS", "gmt_payment": "2026-01-02 03:04:05"}})
	eventually(t, "the money to be noted", func() bool { return h.inbox(t, v.OutTradeNo)["late"] == 1 })
	if after := alice.order(t, o.OrderID); after.Status != "closed" {
		t.Errorf("%+v", after)
	}
	eventually(t, "the alert", func() bool {
		return h.logged(t, "settle-order", "payment needs a person", v.OutTradeNo)
	})
	h.mustHold(t)
}
