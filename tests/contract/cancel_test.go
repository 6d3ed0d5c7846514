package contract_test

import "testing"

func (p person) cancel(t testing.TB, id string) (o orderView) {
	t.Helper()
	p.call(t, "POST", "manage-order/"+id+"/cancel", nil).into(t, 200, &o)
	return o
}

func TestCancelGivesTheStockBack(t *testing.T) {
	t.Parallel()
	h := open(t)
	buyer, sku := h.buyer(t), h.product(t, 10, cny(100))
	for _, who := range []person{buyer, h.admin(t)} {
		id := buyer.reserved(t, line{sku, 3}).OrderID
		if n := h.available(t, sku); n != 7 {
			t.Errorf("%d units beside the order", n)
		}
		o := who.cancel(t, id)
		if o.Status != "closed" || o.Reason == nil || *o.Reason != "cancelled" || o.states() != "placed reserved closing closed" || o.Payment != nil {
			t.Errorf("%+v", o)
		}
		if again := who.cancel(t, id); again.Status != "closed" || len(again.History) != len(o.History) {
			t.Errorf("cancelled again: %+v", again)
		}
		if n := h.available(t, sku); n != 10 {
			t.Errorf("%d units after it", n)
		}
	}
}

// While somebody may be paying, cancelling waits for the provider's word.
func TestCancelWithAnOpenPaymentIsNotTheEnd(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	o := s.buyer.cancel(t, s.order)
	if o.Status != "closing" || o.Reason == nil || *o.Reason != "cancelled" || o.Payment == nil || o.Payment.Status != "WAIT" {
		t.Errorf("%+v", o)
	}
	if n := s.available(t, s.sku); n != 48 {
		t.Errorf("%d units are for sale while the order may still be paid", n)
	}
	s.buyer.startPayment(t, s.order).fails(t, 409, "order_not_payable")
	if again := s.buyer.cancel(t, s.order); again.Status != "closing" && again.Status != "closed" {
		t.Errorf("cancelled again: %+v", again)
	}
}
