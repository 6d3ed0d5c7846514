package contract_test

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestAnOrderIsAccepted(t *testing.T) {
	t.Parallel()
	h := open(t)
	buyer, a, b := h.buyer(t), h.product(t, 10, cny(1999)), h.product(t, 10, cny(1))
	var v acceptedView
	buyer.place(t, []line{{a, 2}, {b, 3}}).into(t, 202, &v)
	if v.Status != "placed" || v.Total != cny(4001) || v.Links.Self != "/v1/orders/"+v.OrderID {
		t.Errorf("%+v", v)
	}
	o := buyer.order(t, v.OrderID) // at once, wherever it is
	if o.Total != cny(4001) || o.OrderID != v.OrderID || o.Payment != nil || o.Reason != nil || len(o.Lines) != 2 {
		t.Errorf("%+v", o)
	}
	now := buyer.await(t, v.OrderID, "reserved")
	if !slices.Equal(now.Lines, o.Lines) || now.Lines[0].SKU != a || now.Lines[0].UnitPrice != cny(1999) || now.Lines[1].Quantity != 3 {
		t.Errorf("%+v, before %+v", now, o)
	}
	if !now.CreatedAt.Equal(o.CreatedAt.Time) || now.ExpiresAt == nil || now.ExpiresAt.Sub(now.CreatedAt.Time) < 14*time.Minute {
		t.Errorf("created %s, before %s; expires %v", now.CreatedAt, o.CreatedAt, now.ExpiresAt)
	}
	if now.states() != "placed reserved" || now.History[0].At.Before(now.CreatedAt.Time) || now.History[0].Event == "" {
		t.Errorf("%+v", now.History)
	}
	if h.available(t, a) != 8 || h.available(t, b) != 7 {
		t.Error("the stock is not what is left")
	}
}

func TestWhoWaitsGetsTheOrder(t *testing.T) {
	t.Parallel()
	h := open(t)
	buyer, sku := h.buyer(t), h.product(t, 5, cny(100))
	for _, prefer := range []string{"wait=10", `wait="10"`, "respond-async, wait=10", "WAIT=10; x=y", "wait=100"} {
		var o orderView
		buyer.place(t, []line{{sku, 1}}, header{"Prefer", prefer}).into(t, 201, &o)
		if o.Status != "reserved" || o.Reason != nil {
			t.Errorf("%s: %+v", prefer, o)
		}
	}
	var o orderView
	buyer.place(t, []line{{sku, 1}}, header{"Prefer", "wait=10"}).into(t, 201, &o)
	if o.Status != "rejected" || o.Reason == nil || *o.Reason != "sold_out" || o.ExpiresAt != nil || o.states() != "placed rejected" {
		t.Errorf("%+v", o)
	}
	for _, prefer := range []string{"wait=0", "wait", "wait=x", "wait=-1", "wait=1.5", "return=minimal", ""} {
		buyer.place(t, []line{{sku, 1}}, header{"Prefer", prefer}).into(t, 202, nil)
	}
}

func TestOrdersThatAreRefused(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	dollars := s.product(t, 1, money{100, "USD"})
	many := make([]line, 51)
	for i := range many {
		many[i] = line{fmt.Sprintf("%s-%d", s.sku, i), 1}
	}
	s.unchanged(t, func() {
		for _, c := range []struct {
			lines []line
			code  string
			field string
		}{
			{[]line{{s.sku, 1}, {"no-such-sku", 1}}, "unknown_sku", "lines[1].sku"},
			{[]line{{s.sku, 1}, {dollars, 1}}, "currency_mismatch", "lines[1]"},
			{[]line{{s.sku, 1}, {s.sku, 2}}, "invalid_body", "lines[1].sku"},
			{[]line{}, "invalid_body", "lines"},
			{many, "invalid_body", "lines"},
			{[]line{{s.sku, 0}}, "invalid_quantity", "lines[0].quantity"},
			{[]line{{s.sku, 1001}}, "invalid_quantity", "lines[0].quantity"},
			{[]line{{s.sku, -1}}, "invalid_quantity", "lines[0].quantity"},
		} {
			if p := s.buyer.place(t, c.lines).fails(t, 400, c.code); p.Field != c.field {
				t.Errorf("%s names %q, want %q", c.code, p.Field, c.field)
			}
		}
	})
	s.buyer.place(t, []line{{s.sku, 1000}}).into(t, 202, nil) // sold out, but an order
}

func TestFiftyLinesAreOneOrder(t *testing.T) {
	t.Parallel()
	h := open(t)
	lines := make([]line, 50)
	for i := range lines {
		lines[i] = line{h.product(t, 1, cny(int64(i+1))), 1}
	}
	o := h.buyer(t).reserved(t, lines...)
	if len(o.Lines) != 50 || o.Total != cny(50*51/2) {
		t.Errorf("%d lines, %+v", len(o.Lines), o.Total)
	}
	for i, l := range o.Lines {
		if l.SKU != lines[i].SKU {
			t.Errorf("line %d is %s, want %s", i, l.SKU, lines[i].SKU)
		}
	}
}

func TestExpectedTotal(t *testing.T) {
	t.Parallel()
	h := open(t)
	buyer, sku := h.buyer(t), h.product(t, 10, cny(100))
	want := func(total money) ordering { return ordering{Lines: []line{{sku, 2}}, ExpectedTotal: &total} }
	for _, wrong := range []money{cny(199), cny(201), {200, "USD"}, cny(0)} {
		if p := buyer.call(t, "POST", "create-order", want(wrong), fresh()).fails(t, 409, "price_changed"); p.Field != "expected_total" {
			t.Errorf("%+v", p)
		}
	}
	// Once a price is changed, the next order has it.
	h.admin(t).call(t, "PUT", "catalog/"+sku, product{"Dearer", cny(150)}).into(t, 200, nil)
	k := fresh()
	buyer.call(t, "POST", "create-order", want(cny(200)), k).fails(t, 409, "price_changed")
	buyer.call(t, "POST", "create-order", want(cny(300)), k).into(t, 202, nil) // the key was free
}

func TestAnOrderIsItsBuyersOnly(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	stranger, keeper, admin := s.as(t, "stranger-"+short()), s.storekeeper(t), s.admin(t)
	s.unchanged(t, func() {
		missing := stranger.call(t, "GET", "manage-order/"+s.paid, nil).fails(t, 404, "not_found") // an id, of no order
		for _, who := range []person{stranger, keeper} {
			p := who.call(t, "GET", "manage-order/"+s.order, nil).fails(t, 404, "not_found")
			if p.Detail != missing.Detail || p.Title != missing.Title {
				t.Errorf("%+v is told otherwise than %+v", p, missing)
			}
			who.call(t, "POST", "manage-order/"+s.order+"/cancel", nil).fails(t, 404, "not_found")
			who.call(t, "POST", "manage-order/"+s.order+"/receive", nil).fails(t, 404, "not_found")
			who.startPayment(t, s.order).fails(t, 404, "not_found")
			who.call(t, "GET", "create-payment/"+s.paid, nil).fails(t, 404, "not_found")
		}
		admin.startPayment(t, s.order).fails(t, 404, "not_found")
		admin.call(t, "POST", "manage-order/"+s.order+"/receive", nil).fails(t, 404, "not_found")
	})
	admin.order(t, s.order)
	admin.call(t, "GET", "create-payment/"+s.paid, nil).into(t, 200, nil)
}
