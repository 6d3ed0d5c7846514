package contract_test

import (
	"strings"
	"sync"
	"testing"
)

func TestAPaymentIsStarted(t *testing.T) {
	t.Parallel()
	h := open(t)
	buyer := h.buyer(t)
	o := buyer.reserved(t, line{h.product(t, 10, cny(4200)), 2})
	k := fresh()
	first := buyer.startPayment(t, o.OrderID, k)
	var v paymentView
	first.into(t, 201, &v)
	if v.OrderID != o.OrderID || v.Amount != cny(8400) || v.Status != "WAIT" || v.PaymentID == "" || v.OutTradeNo == "" || v.QRCode == "" {
		t.Errorf("%+v", v)
	}
	if !strings.HasPrefix(v.PayURL, h.Paysim) {
		t.Errorf("pay_url is %s", v.PayURL)
	}
	buyer.startPayment(t, o.OrderID, k).replayed(t, first)
	var read paymentView
	buyer.call(t, "GET", "create-payment/"+v.PaymentID, nil).into(t, 200, &read)
	if now := buyer.order(t, o.OrderID); read != v || now.Payment == nil || *now.Payment != v {
		t.Errorf("started %+v, read %+v, the order has %+v", v, read, now.Payment)
	}
	// The key is of this order; another key finds the payment that is open.
	other := buyer.reserved(t, line{h.product(t, 1, cny(1)), 1})
	buyer.startPayment(t, other.OrderID, k).fails(t, 422, "idempotency_key_reused")
	if again := buyer.pay(t, o.OrderID); again != v {
		t.Errorf("%+v beside %+v", again, v)
	}
}

func TestParallelPaymentsAreOne(t *testing.T) {
	t.Parallel()
	h := open(t)
	buyer := h.buyer(t)
	o := buyer.reserved(t, line{h.product(t, 1, cny(4200)), 1})
	same := fresh()
	answers := make([]answer, 20)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			if i%2 == 0 {
				answers[i] = buyer.startPayment(t, o.OrderID, same)
			} else {
				answers[i] = buyer.startPayment(t, o.OrderID)
			}
		})
	}
	all.Wait()
	payments := map[paymentView]bool{}
	for _, a := range answers {
		switch a.status {
		case 201:
			var v paymentView
			a.into(t, 201, &v)
			payments[v] = true
		case 409:
			a.fails(t, 409, "idempotency_key_in_progress")
		default:
			a.fails(t, 503, "unavailable")
		}
	}
	if len(payments) != 1 {
		t.Errorf("%d payments", len(payments))
	}
}

// The whole way of an order that is paid, with everything that it refuses on it.
func TestPaidShippedReceived(t *testing.T) {
	t.Parallel()
	h := open(t)
	buyer, keeper := h.buyer(t), h.storekeeper(t)
	sku := h.product(t, 5, cny(4200))
	id := buyer.reserved(t, line{sku, 2}).OrderID
	order, parcel, k := "manage-order/"+id, `{"carrier":"SF Express","tracking":"SF 1234-顺丰"}`, fresh()
	first := buyer.startPayment(t, id, k)
	v := buyer.pay(t, id)
	v.press(t, "pay")
	paid := buyer.await(t, id, "paid")
	if paid.states() != "placed reserved paid" || paid.Payment == nil || paid.Payment.Status != "SUCCESS" {
		t.Errorf("%+v", paid)
	}
	buyer.startPayment(t, id).fails(t, 409, "order_not_payable")
	buyer.startPayment(t, id, k).replayed(t, first)
	buyer.call(t, "POST", order+"/cancel", nil).fails(t, 409, "invalid_transition")
	buyer.call(t, "POST", order+"/receive", nil).fails(t, 409, "invalid_transition")
	var shipped, completed orderView
	keeper.call(t, "POST", order+"/ship", parcel).into(t, 200, &shipped)
	keeper.call(t, "POST", order+"/ship", parcel).fails(t, 409, "invalid_transition")
	buyer.call(t, "POST", order+"/cancel", nil).fails(t, 409, "invalid_transition")
	buyer.call(t, "POST", order+"/receive", `{}`).into(t, 200, &completed)
	buyer.call(t, "POST", order+"/receive", nil).fails(t, 409, "invalid_transition")
	if shipped.Status != "shipped" || completed.Status != "completed" || completed.states() != "placed reserved paid shipped completed" {
		t.Errorf("%+v, then %+v", shipped, completed)
	}
	var stock restocked
	h.admin(t).restock(t, sku, 1).into(t, 200, &stock)
	if stock != (restocked{sku, 4, 0, 2}) {
		t.Errorf("%+v", stock)
	}
}

// A payment that was given up at the provider can be started again.
func TestAPaymentGivenUpIsStartedAgain(t *testing.T) {
	t.Parallel()
	h := open(t)
	buyer := h.buyer(t)
	id := buyer.reserved(t, line{h.product(t, 1, cny(4200)), 1}).OrderID
	first := buyer.pay(t, id)
	first.press(t, "cancel")
	second := buyer.pay(t, id)
	if second.PaymentID == first.PaymentID || second.OutTradeNo == first.OutTradeNo || second.Status != "WAIT" {
		t.Errorf("%+v after %+v", second, first)
	}
	var was paymentView
	buyer.call(t, "GET", "create-payment/"+first.PaymentID, nil).into(t, 200, &was)
	if was.Status != "CLOSED" {
		t.Errorf("%+v", was)
	}
	second.press(t, "pay")
	buyer.await(t, id, "paid")
}

func TestOrdersThatCannotBePaid(t *testing.T) {
	t.Parallel()
	h := open(t)
	buyer, sku := h.buyer(t), h.product(t, 1, cny(100))
	var rejected orderView
	buyer.place(t, []line{{sku, 2}}, header{"Prefer", "wait=10"}).into(t, 201, &rejected)
	buyer.startPayment(t, rejected.OrderID).fails(t, 409, "order_not_payable")
	buyer.call(t, "POST", "manage-order/"+rejected.OrderID+"/cancel", nil).fails(t, 409, "invalid_transition")
	closed := buyer.reserved(t, line{sku, 1}).OrderID
	buyer.call(t, "POST", "manage-order/"+closed+"/cancel", nil).into(t, 200, nil)
	buyer.startPayment(t, closed).fails(t, 409, "order_not_payable")
	dollars := buyer.reserved(t, line{h.product(t, 1, money{100, "USD"}), 1}).OrderID
	buyer.startPayment(t, dollars).fails(t, 400, "currency_mismatch")
	// The provider takes 100,000,000.00 yuan at most.
	most := buyer.reserved(t, line{h.product(t, 1, cny(10_000_000_000)), 1}).OrderID
	buyer.startPayment(t, most).into(t, 201, nil)
	more := buyer.reserved(t, line{h.product(t, 1, cny(10_000_000_001)), 1}).OrderID
	buyer.startPayment(t, more).fails(t, 409, "order_not_payable")
	buyer.cancel(t, more)
}
