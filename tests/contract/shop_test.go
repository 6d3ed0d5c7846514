package contract_test

import (
	"bytes"
	"testing"
)

// shop is a buyer with a reserved order of two units and a started payment, and
// everything that takes a body aimed at them.
type shop struct {
	*house
	buyer            person
	sku, order, paid string // paid is the id of the payment
}

func newShop(t testing.TB) *shop {
	t.Helper()
	h := open(t)
	s := &shop{house: h, buyer: h.buyer(t), sku: h.product(t, 50, cny(4200))}
	s.order = s.buyer.reserved(t, line{s.sku, 2}).OrderID
	s.paid = s.buyer.pay(t, s.order).PaymentID
	return s
}

// endpoint is a route with somebody who may call it, and a body that it takes.
type endpoint struct {
	method, path string
	who          person
	body         string // "" for a route without a body
}

func (e endpoint) call(t testing.TB, body any) answer {
	t.Helper()
	return e.who.call(t, e.method, e.path, body, fresh())
}

// writes are all routes that change something, but the partner's.
func (s *shop) writes(t testing.TB) []endpoint {
	t.Helper()
	admin, order := s.admin(t), "manage-order/"+s.order
	return []endpoint{
		{"POST", "issue-token", s.nobody(), `{"username":"alice","password":"wrong"}`},
		{"POST", "issue-token/refresh", s.nobody(), `{"refresh_token":"wrong"}`},
		{"DELETE", "issue-token", s.buyer, ``},
		{"PUT", "catalog/" + s.sku, admin, `{"title":"Changed","price":{"amount":1,"currency":"CNY"}}`},
		{"POST", "catalog/" + s.sku + "/restock", admin, `{"quantity":1}`},
		{"POST", "create-order", s.buyer, `{"lines":[{"sku":"` + s.sku + `","quantity":1}]}`},
		{"POST", order + "/cancel", s.buyer, ``},
		{"POST", order + "/ship", admin, `{"carrier":"SF","tracking":"1"}`},
		{"POST", order + "/receive", s.buyer, ``},
		{"POST", "create-payment/" + s.order, s.buyer, `{"provider":"alipay"}`},
	}
}

// reads are the routes of a user that change nothing.
func (s *shop) reads() []endpoint {
	return []endpoint{
		{"GET", "manage-order", s.buyer, ""},
		{"GET", "manage-order/" + s.order, s.buyer, ""},
		{"GET", "create-payment/" + s.paid, s.buyer, ""},
	}
}

// unchanged runs f and checks that it changed nothing that the shop can see.
func (s *shop) unchanged(t testing.TB, f func()) {
	t.Helper()
	look := func() (all []byte) {
		for _, e := range append(s.reads(), endpoint{"GET", "catalog/" + s.sku, s.nobody(), ""}) {
			a := e.call(t, nil)
			a.into(t, 200, nil)
			all = append(append(all, a.body...), '\n')
		}
		return all
	}
	before := look()
	f()
	if after := look(); !bytes.Equal(before, after) {
		t.Errorf("something has changed:\n%s\nnow:\n%s", before, after)
	}
}
