package payment_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"bazaar/infra/paysim"
	"bazaar/shared/payment"
	"bazaar/shared/payment/alipay"
	"bazaar/tests/support"
)

// begin starts a payment for a new order and gives the order, its
// out_trade_no and its page.
func (w *world) begin() (orderID, outTradeNo, payURL string) {
	w.t.Helper()
	orderID = w.reserve(uuid.NewString())
	status, out := w.create(orderID, uuid.NewString())
	if status != http.StatusCreated {
		w.t.Fatalf("starting a payment answers %d %v", status, out)
	}
	return orderID, out["out_trade_no"].(string), out["pay_url"].(string)
}

func (w *world) create(orderID, key string) (int, map[string]any) {
	w.t.Helper()
	return w.payments.call("POST", "/"+orderID, "alice", key, `{"provider":"alipay"}`)
}

// paidOnce checks everything that must be so when the money of a trade has
// come once: the order, its payment, its stock, and that paysim's books agree.
func (w *world) paidOnce(orderID, outTradeNo string) {
	w.t.Helper()
	if got := w.state(orderID); got != "paid" {
		w.t.Errorf("the order is %s", got)
	}
	trade, err := w.client.Query(context.Background(), outTradeNo)
	must(w.t, err)
	paid := scalar[int](w, `select count(*) from payment.payment
		where order_id = $1 and status = 'SUCCESS' and trade_no = $2 and amount = $3`, orderID, trade.TradeNo, trade.Fen)
	if paid != 1 || !alipay.Paid(trade.Status) {
		w.t.Errorf("%d payments succeeded by %+v", paid, trade)
	}
	support.MustHold(w.t, w.pool) // one payment, one notice, one sale of its stock
}

// unpaid checks that nothing became of an order's payment.
func (w *world) unpaid(orderID string) {
	w.t.Helper()
	if got := w.state(orderID); got != "reserved" {
		w.t.Errorf("the order is %s", got)
	}
	if n := scalar[int](w, `select count(*) from payment.payment where order_id = $1 and status <> 'WAIT'`, orderID); n != 0 {
		w.t.Error("the payment has moved")
	}
}

func TestPayAnOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	orderID, outTradeNo, payURL := w.begin()
	w.buy(payURL)
	w.unpaid(orderID) // the callback stores, and no more
	w.sweep()
	w.paidOnce(orderID, outTradeNo)
	if n := w.provider.Notifications(); len(n) != 1 || len(n[0].Deliveries) != 1 {
		t.Errorf("the provider had to say it again: %+v", n)
	}
	if status, out := w.create(orderID, "another"); status != 409 || out["code"] != "order_not_payable" {
		t.Errorf("paying again answers %d %v", status, out)
	}
}

func TestNotifiedTwentyTimesInParallel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	orderID, outTradeNo, payURL := w.begin()
	w.buy(payURL)
	for _, f := range []paysim.Forgery{{Times: 20}, {Times: 1, FreshID: true}, {Times: 20, FreshID: true}} {
		for _, d := range w.notify(outTradeNo, f) {
			if !d.Accepted() {
				t.Errorf("answered %+v", d)
			}
		}
	}
	var sweeps sync.WaitGroup
	for range 5 {
		sweeps.Go(w.sweep)
	}
	sweeps.Wait()
	w.sweep()
	w.paidOnce(orderID, outTradeNo)
	if all := scalar[int](w, `select count(*) from payment.inbox`); all != 3 || w.inbox(outTradeNo, "ignored") != 2 {
		t.Errorf("%d notices, %d ignored", all, w.inbox(outTradeNo, "ignored"))
	}
}

// forgery is something sent in the provider's name, and what must become of it.
type forgery struct {
	f      paysim.Forgery
	answer string
	state  string // of the notice, after a sweep; empty: none is stored
}

// forgeries are about an open payment of 88 yuan, by what is wrong with each.
func forgeries(outTradeNo string) map[string]forgery {
	paid := map[string]string{"trade_status": alipay.TradeSuccess, "trade_no": "2026030122001400081234567890"}
	with := func(name, value string) map[string]string {
		params := maps.Clone(paid)
		params[name] = value
		return params
	}
	return map[string]forgery{
		"a tampered amount":            {paysim.Forgery{Set: with("total_amount", "0.01"), Tamper: map[string]string{"total_amount": "88.00"}}, "failure", ""},
		"a tampered status":            {paysim.Forgery{Set: with("trade_status", "WAIT_BUYER_PAY"), Tamper: map[string]string{"trade_status": "TRADE_SUCCESS"}}, "failure", ""},
		"a wrong signature":            {paysim.Forgery{Set: paid, Tamper: map[string]string{"sign": "AAAA"}}, "failure", ""},
		"no signature":                 {paysim.Forgery{Set: paid, Tamper: map[string]string{"sign": ""}}, "failure", ""},
		"sign_type RSA with SHA-1":     {paysim.Forgery{Set: with("sign_type", "RSA"), SHA1: true}, "failure", ""},
		"SHA-1 under sign_type RSA2":   {paysim.Forgery{Set: paid, SHA1: true}, "failure", ""},
		"sign_type RSA, else right":    {paysim.Forgery{Set: paid, Tamper: map[string]string{"sign_type": "RSA"}}, "failure", ""},
		"a parameter twice":            {paysim.Forgery{Set: paid, Append: "&total_amount=88.00"}, "failure", ""},
		"a parameter more":             {paysim.Forgery{Set: paid, Append: "&passback_params=x"}, "failure", ""},
		"parameters in the address":    {paysim.Forgery{Set: paid, Query: "total_amount=88.00"}, "failure", ""},
		"another's parameters there":   {paysim.Forgery{Set: with("total_amount", "0.01"), Query: "total_amount=88.00&out_trade_no=" + outTradeNo}, "failure", ""},
		"an amount of 0.01":            {paysim.Forgery{Set: with("total_amount", "0.01")}, "success", "rejected"},
		"a fen too much":               {paysim.Forgery{Set: with("total_amount", "88.01")}, "success", "rejected"},
		"an amount in another grammar": {paysim.Forgery{Set: with("total_amount", "8.8e1")}, "success", "rejected"},
		"a foreign app_id":             {paysim.Forgery{Set: with("app_id", "2021000000000009")}, "success", "rejected"},
		"a foreign seller_id":          {paysim.Forgery{Set: with("seller_id", "2088000000000009")}, "success", "rejected"},
		"no seller_id":                 {paysim.Forgery{Set: paid, Unset: []string{"seller_id"}}, "success", "rejected"},
		"a trade that only waits":      {paysim.Forgery{Set: with("trade_status", "WAIT_BUYER_PAY")}, "success", "ignored"},
		"a trade that is closed":       {paysim.Forgery{Set: with("trade_status", "TRADE_CLOSED")}, "success", "ignored"},
		"an unknown status":            {paysim.Forgery{Set: with("trade_status", "TRADE_PAID")}, "success", "ignored"},
	}
}

// What is not signed by the provider leaves nothing behind; what is signed but
// not about this payment is kept for people. Neither pays anything.
func TestForgeriesPayNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	orderID, outTradeNo, _ := w.begin()
	for name, c := range forgeries(outTradeNo) {
		before := scalar[int](w, `select count(*) from payment.inbox`)
		c.f.FreshID = true
		d := w.notify(outTradeNo, c.f)[0]
		if d.Status != http.StatusOK || d.Answer != c.answer {
			t.Errorf("%s: answered %+v", name, d)
		}
		w.sweep()
		stored := scalar[int](w, `select count(*) from payment.inbox`) - before
		if c.state == "" && stored != 0 || c.state != "" && stored != 1 {
			t.Errorf("%s: %d notices stored", name, stored)
		}
		if c.state != "" {
			if got := scalar[string](w, `select state from payment.inbox order by inbox_id desc limit 1`); got != c.state {
				t.Errorf("%s: the notice is %s", name, got)
			}
		}
		w.unpaid(orderID)
	}
	if n := w.callback.Logged("ERROR", "payment notification rejected"); n != 4 {
		t.Errorf("%d alerts about what cannot be ours", n)
	}
	if n := w.callback.Logged("WARN", "payment notification not from the provider"); n == 0 || n > 6 {
		t.Errorf("%d lines about forgeries: a sample is wanted", n)
	}
}

// The provider is faster than the queue: the notice waits for its order.
func TestNotifiedBeforeTheOrderIsThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	orderID := uuid.NewString()
	outTradeNo := strings.ReplaceAll(orderID, "-", "") + "_1"
	page, err := w.client.Precreate(context.Background(), alipay.Order{OutTradeNo: outTradeNo, Fen: price, Subject: "s", Expires: later()})
	must(t, err)
	w.buy(page)
	w.sweep()
	if w.inbox(outTradeNo, "unmatched") != 1 {
		t.Fatal("the notice does not wait")
	}
	w.reserve(orderID)
	_, err = payment.Store{}.Open(context.Background(), w.pool, payment.Draft{
		ID: uuid.NewString(), OrderID: orderID, UserID: "alice", Provider: alipay.Provider, Amount: price, Currency: "CNY",
	})
	must(t, err)
	until(t, "the order paid", func() bool { w.sweep(); return w.state(orderID) == "paid" })
	w.paidOnce(orderID, outTradeNo)
}

func TestTheProviderComesAgainWhenTheStoreWasAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	orderID, outTradeNo, payURL := w.begin()
	if _, err := w.pool.Exec(context.Background(), `alter table payment.inbox rename to gone`); err != nil {
		t.Fatal(err)
	}
	res, err := http.Post(payURL+"/pay", "", nil)
	must(t, err)
	must(t, res.Body.Close())
	until(t, "a refused attempt", func() bool {
		n := w.provider.Notifications()
		return len(n) == 1 && len(n[0].Deliveries) > 0
	})
	if n := w.provider.Notifications()[0]; n.Done || n.Deliveries[0].Accepted() {
		t.Fatalf("accepted without a store: %+v", n)
	}
	if _, err := w.pool.Exec(context.Background(), `alter table payment.gone rename to inbox`); err != nil {
		t.Fatal(err)
	}
	until(t, "an accepted attempt", func() bool { return w.provider.Notifications()[0].Done })
	w.sweep()
	w.paidOnce(orderID, outTradeNo)
}

func TestOneOrderManyKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	orderID := w.reserve(uuid.NewString())
	answers := make([]map[string]any, 20)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			status, out := w.create(orderID, fmt.Sprintf("key-%d", i%10))
			for status == http.StatusConflict || status == http.StatusServiceUnavailable { // in progress
				status, out = w.create(orderID, fmt.Sprintf("key-%d", i%10))
			}
			if status != http.StatusCreated {
				t.Errorf("answered %d %v", status, out)
			}
			answers[i] = out
		})
	}
	all.Wait()
	for _, out := range answers {
		if out["payment_id"] != answers[0]["payment_id"] || out["pay_url"] != answers[0]["pay_url"] {
			t.Errorf("%v beside %v", out, answers[0])
		}
	}
	if trades, err := w.provider.Trades(); err != nil || len(trades) != 1 {
		t.Errorf("the provider knows %d trades, %v", len(trades), err)
	}
}

// The buyer cancels on the page: the next key opens the next attempt, and only
// that one can be paid.
func TestTheNextAttemptAfterACancelledOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	orderID, first, page := w.begin()
	res, err := http.Post(page+"/cancel", "", nil)
	must(t, err)
	must(t, res.Body.Close())
	status, out := w.create(orderID, "second")
	if status != http.StatusCreated || out["out_trade_no"] == first {
		t.Fatalf("answered %d %v", status, out)
	}
	id := out["payment_id"].(string)
	w.buy(out["pay_url"].(string))
	w.sweep()
	w.paidOnce(orderID, out["out_trade_no"].(string))
	for user, want := range map[string]int{"alice": 200, "bob": 404} {
		if status, out := w.payments.call("GET", "/"+id, user, "", ""); status != want || want == 200 && out["status"] != "SUCCESS" {
			t.Errorf("%s sees %d %v", user, status, out)
		}
	}
}

func TestNoPaymentForAnOrderThatIsOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	expired := w.reserve(uuid.NewString())
	_, err := w.pool.Exec(context.Background(), `update orders.order set expires_at = now() - interval '1 second' where order_id = $1`, expired)
	must(t, err)
	if status, out := w.create(expired, "k1"); status != 409 || out["code"] != "order_not_payable" {
		t.Errorf("an expired order answers %d %v", status, out)
	}
	if status, out := w.create(uuid.NewString(), "k2"); status != 404 {
		t.Errorf("an unknown order answers %d %v", status, out)
	}
	if trades, err := w.provider.Trades(); err != nil || len(trades) != 0 {
		t.Errorf("the provider was asked: %+v, %v", trades, err)
	}
}
