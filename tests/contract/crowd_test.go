package contract_test

import (
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Two hundred calls of all kinds at once: each gets its own answer.
func TestACrowd(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	admin, k := s.admin(t), fresh()
	kinds := []struct {
		who                person
		method, path, body string
		statuses           string
	}{
		{s.buyer, "POST", "create-order", s.writes(t)[5].body, "202"},
		{s.nobody(), "GET", "catalog?limit=100", "", "200"},
		{s.buyer, "GET", "manage-order?limit=50", "", "200"},
		{s.nobody(), "POST", "issue-token", `{"username":"alice","password":"alice-demo-2026"}`, "200 429"},
		{s.buyer, "POST", "create-payment/" + s.order, `{"provider":"alipay"}`, "201 503"},
		{admin, "POST", "catalog/" + s.sku + "/restock", `{"quantity":1}`, "200"},
		{s.nobody(), "POST", "payment-callback/alipay", "a=b", "200"},
		{s.buyer, "POST", "create-order", `{"lines":[{"sku":"` + s.sku + `","quantity":0}]}`, "400"},
		{s.nobody(), "POST", "create-order", `{}`, "401"},
		{s.buyer, "POST", "create-order", "the same key", "202 409"},
	}
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			kind := kinds[i%len(kinds)]
			body, its := kind.body, fresh()
			if body == "the same key" {
				body, its = kinds[0].body, k
			}
			a := kind.who.call(t, kind.method, kind.path, body, its)
			if !strings.Contains(kind.statuses, strconv.Itoa(a.status)) {
				t.Errorf("%s %s: %d %s", kind.method, kind.path, a.status, a.body)
			}
		})
	}
	all.Wait()
	eventually(t, patience, "22 orders to be in the list", func() bool {
		orders, _ := pages[orderView](t, s.buyer, "manage-order", 100)
		return len(orders) == 22 // the shop's own, twenty, and one for the key
	})
}
