package flow_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"
)

func TestAnOrderIsPlacedReservedAndPaid(t *testing.T) {
	t.Parallel()
	h := open(t)
	alice := signIn(t, h.Gateway, "alice")
	sku := h.product(t, 3, 1250)
	id := alice.place(t, line{sku, 2})
	reserved := alice.await(t, id, "reserved")
	if reserved.Total != (money{2500, "CNY"}) || reserved.ExpiresAt == nil || reserved.Reason != nil || reserved.Payment != nil {
		t.Errorf("%+v", reserved)
	}
	h.stock(t, sku, 1, 2, 0)

	v := alice.pay(t, id)
	if v.Status != "WAIT" || v.Amount != reserved.Total || v.OrderID != id || v.QRCode == "" {
		t.Errorf("%+v", v)
	}
	v.press(t, "pay")
	paid := alice.await(t, id, "paid")
	if paid.Payment == nil || paid.Payment.Status != "SUCCESS" || paid.Payment.PaymentID != v.PaymentID {
		t.Errorf("%+v", paid.Payment)
	}
	if len(paid.History) != 2 || paid.History[0].From != "placed" || paid.History[1].To != "paid" {
		t.Errorf("%+v", paid.History)
	}
	h.stock(t, sku, 1, 0, 2)

	warehouse := signIn(t, h.Gateway, "warehouse")
	var o orderView
	alice.call(t, "POST", "manage-order/"+id+"/ship", map[string]string{"carrier": "SF", "tracking": "1"}).fails(t, 403, "denied")
	alice.call(t, "POST", "manage-order/"+id+"/receive", nil).fails(t, 409, "invalid_transition")
	warehouse.call(t, "POST", "manage-order/"+id+"/ship", map[string]string{"carrier": "SF", "tracking": "1"}).into(t, 200, &o)
	alice.call(t, "POST", "manage-order/"+id+"/receive", nil).into(t, 200, &o)
	if o.Status != "completed" {
		t.Errorf("%+v", o)
	}
	alice.call(t, "POST", "manage-order/"+id+"/cancel", nil).fails(t, 409, "invalid_transition")
	h.mustHold(t)
}

func TestAnotherPersonsOrderIsNotThere(t *testing.T) {
	t.Parallel()
	h := open(t)
	alice, bob, admin := h.as(t, "alice"), h.as(t, "bob"), h.as(t, "admin", "admin")
	warehouse := h.as(t, "warehouse", "warehouse")
	id := alice.place(t, line{h.product(t, 1, 100), 1})
	alice.await(t, id, "reserved")
	bob.call(t, "GET", "manage-order/"+id, nil).fails(t, 404, "not_found")
	bob.call(t, "POST", "manage-order/"+id+"/cancel", nil).fails(t, 404, "not_found")
	warehouse.call(t, "POST", "manage-order/"+id+"/cancel", nil).fails(t, 404, "not_found")
	bob.call(t, "POST", "create-payment/"+id, map[string]string{"provider": "alipay"}, key("k")).fails(t, 404, "not_found")
	bob.call(t, "GET", "manage-order/"+uuid.NewString(), nil).fails(t, 404, "not_found")
	bob.call(t, "GET", "manage-order/no-such-order", nil).fails(t, 404, "not_found")
	person{gateway: h.Gateway}.call(t, "GET", "manage-order/"+id, nil).fails(t, 401, "token_missing")
	if o := admin.order(t, id); o.OrderID != id {
		t.Errorf("%+v", o)
	}
}

func TestAnOrderIsRejectedWhenSoldOut(t *testing.T) {
	t.Parallel()
	h := open(t)
	alice := h.as(t, "alice")
	short, plenty := h.product(t, 1, 100), h.product(t, 100, 100)
	o := alice.await(t, alice.place(t, line{plenty, 1}, line{short, 2}), "reserved", "rejected")
	if o.Status != "rejected" || o.Reason == nil || *o.Reason != "sold_out" || o.ExpiresAt != nil {
		t.Errorf("%+v", o)
	}
	alice.call(t, "POST", "create-payment/"+o.OrderID, map[string]string{"provider": "alipay"}, key("k")).fails(t, 409, "order_not_payable")
	h.stock(t, short, 1, 0, 0)
	h.stock(t, plenty, 100, 0, 0)
	h.mustHold(t)
}

func TestAnOrderIsCancelled(t *testing.T) {
	t.Parallel()
	h := open(t)
	alice := h.as(t, "alice")
	sku := h.product(t, 5, 100)
	id := alice.place(t, line{sku, 5})
	alice.await(t, id, "reserved")
	for range 2 { // the second changes nothing
		var o orderView
		alice.call(t, "POST", "manage-order/"+id+"/cancel", nil).into(t, 200, &o)
		if o.Status != "closed" || o.Reason == nil || *o.Reason != "cancelled" || len(o.History) != 3 {
			t.Errorf("%+v", o)
		}
	}
	alice.call(t, "POST", "create-payment/"+id, map[string]string{"provider": "alipay"}, key("k")).fails(t, 409, "order_not_payable")
	h.stock(t, sku, 5, 0, 0)
	h.mustHold(t)
}

func TestACancelledOrderWithAnOpenPaymentWaitsForTheProvider(t *testing.T) {
	t.Parallel()
	h := open(t)
	alice := h.as(t, "alice")
	sku := h.product(t, 2, 100)
	abandoned, paid := alice.place(t, line{sku, 1}), alice.place(t, line{sku, 1})
	alice.await(t, abandoned, "reserved")
	alice.await(t, paid, "reserved")
	left, kept := alice.pay(t, abandoned), alice.pay(t, paid)
	for _, id := range []string{abandoned, paid} {
		var o orderView
		alice.call(t, "POST", "manage-order/"+id+"/cancel", nil).into(t, 200, &o)
		if o.Status != "closing" {
			t.Errorf("%+v", o)
		}
	}
	left.press(t, "cancel") // the provider closes the trade
	kept.press(t, "pay")    // the provider has the money
	if o := alice.await(t, paid, "paid", "closed"); o.Status != "paid" || o.Reason != nil {
		t.Errorf("%+v", o)
	}
	if o := alice.await(t, abandoned, "paid", "closed"); o.Status != "closed" || *o.Reason != "cancelled" {
		t.Errorf("%+v", o)
	}
	h.stock(t, sku, 1, 0, 1)
	h.mustHold(t)
}

func TestAnUnpaidOrderExpires(t *testing.T) {
	t.Parallel()
	h := open(t)
	alice := h.as(t, "alice")
	sku := h.product(t, 2, 100)
	bare, started := alice.place(t, line{sku, 1}), alice.place(t, line{sku, 1})
	alice.await(t, started, "reserved")
	alice.pay(t, started)
	for _, id := range []string{bare, started} {
		if o := alice.await(t, id, "closed"); o.Reason == nil || *o.Reason != "expired" {
			t.Errorf("%+v", o)
		}
	}
	if o := alice.order(t, started); o.Payment == nil || o.Payment.Status != "CLOSED" {
		t.Errorf("%+v", o.Payment)
	}
	h.stock(t, sku, 2, 0, 0)
	h.mustHold(t)
}

func TestPreferWaitHoldsTheAnswer(t *testing.T) {
	t.Parallel()
	h := open(t)
	alice := h.as(t, "alice")
	sku := h.product(t, 1, 100)
	k := key(uuid.NewString())
	var o, again orderView
	alice.call(t, "POST", "create-order", lines(line{sku, 1}), k, header{"Prefer", "wait=10"}).into(t, 201, &o)
	if o.Status != "reserved" {
		t.Errorf("%+v", o)
	}
	replay := alice.call(t, "POST", "create-order", lines(line{sku, 1}), k)
	replay.into(t, 201, &again)
	if again.OrderID != o.OrderID || replay.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("%+v %v", again, replay.header)
	}
	alice.call(t, "POST", "create-order", lines(line{sku, 1}), key(uuid.NewString()), header{"Prefer", "wait=10"}).into(t, 201, &o)
	if o.Status != "rejected" {
		t.Errorf("%+v", o)
	}
}

func TestOneKeyIsOneOrder(t *testing.T) {
	t.Parallel()
	h := open(t)
	alice, bob, admin := h.as(t, "alice"), h.as(t, "bob"), h.as(t, "admin", "admin")
	sku := h.product(t, 1000, 700)
	k := key("order-for-" + sku)
	var mu sync.Mutex
	ids := map[string]int{}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			a, err := alice.try("POST", "create-order", lines(line{sku, 1}), k)
			if err != nil {
				t.Error(err)
				return
			}
			if a.status == 409 {
				a.fails(t, 409, "idempotency_key_in_progress")
				return
			}
			var placed orderView
			a.into(t, 202, &placed)
			mu.Lock()
			defer mu.Unlock()
			ids[placed.OrderID]++
		})
	}
	all.Wait()
	if len(ids) != 1 {
		t.Fatalf("orders %v", ids)
	}
	alice.call(t, "POST", "create-order", lines(line{sku, 2}), k).fails(t, 422, "idempotency_key_reused")
	alice.call(t, "POST", "create-order", lines(line{sku, 1})).fails(t, 400, "idempotency_key_missing")

	var his, first, second orderView
	bob.call(t, "POST", "create-order", lines(line{sku, 1}), k).into(t, 202, &his)
	if ids[his.OrderID] != 0 {
		t.Error("two people share an order")
	}

	admin.call(t, "PUT", "catalog/"+sku, map[string]any{"title": "dearer now", "price": money{900, "CNY"}}).into(t, 200, nil)
	retried := alice.call(t, "POST", "create-order", lines(line{sku, 1}), k)
	retried.into(t, 202, &first)
	if first.Total != (money{700, "CNY"}) || ids[first.OrderID] == 0 || retried.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("%+v", first)
	}
	alice.call(t, "POST", "create-order", lines(line{sku, 1}), key(uuid.NewString())).into(t, 202, &second)
	if second.Total != (money{900, "CNY"}) {
		t.Errorf("the new price does not count: %+v", second)
	}
	stale := map[string]any{"lines": []line{{sku, 1}}, "expected_total": money{700, "CNY"}}
	alice.call(t, "POST", "create-order", stale, key(uuid.NewString())).fails(t, 409, "price_changed")

	alice.await(t, first.OrderID, "reserved")
	bob.await(t, his.OrderID, "reserved")
	alice.await(t, second.OrderID, "reserved")
	h.stock(t, sku, 997, 3, 0)
	h.mustHold(t)
}

func TestNothingIsSoldTwice(t *testing.T) {
	t.Parallel()
	h := open(t)
	const buyers, units = 300, 100
	skus := []string{h.product(t, units, 100), h.product(t, units, 200), h.product(t, units, 300)}
	var all sync.WaitGroup
	gate := make(chan struct{}, 32) // what one machine has sockets and patience for
	outcomes := make(chan string, buyers)
	for i := range buyers {
		all.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			buyer := h.as(t, fmt.Sprintf("buyer%04d", i+1))
			wanted := []line{{skus[0], 1}, {skus[1], 1}, {skus[2], 1}}
			if i%2 == 1 {
				wanted[0], wanted[2] = wanted[2], wanted[0]
			}
			a, err := buyer.try("POST", "create-order", lines(wanted...), key("sale"+skus[0]), header{"Prefer", "wait=10"})
			if err != nil {
				t.Error(err)
				return
			}
			var o orderView
			a.into(t, 201, &o)
			outcome := o.Status
			if o.Reason != nil {
				outcome += " " + *o.Reason
			}
			outcomes <- outcome
		})
	}
	all.Wait()
	close(outcomes)
	count := map[string]int{}
	for o := range outcomes {
		count[o]++
	}
	if count["reserved"] != units || count["rejected sold_out"] != buyers-units {
		t.Errorf("%v", count)
	}
	for _, sku := range skus {
		h.stock(t, sku, 0, units, 0)
	}
	h.mustHold(t)
}
