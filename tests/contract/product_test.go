package contract_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestPutAProduct(t *testing.T) {
	t.Parallel()
	h := open(t)
	admin, sku := h.admin(t), "contract-"+short()
	var v productView
	admin.call(t, "PUT", "catalog/"+sku, product{"Ink \"black\" <50 ml>", cny(1)}).into(t, 201, &v)
	if v != (productView{SKU: sku, Title: "Ink \"black\" <50 ml>", Price: cny(1)}) {
		t.Errorf("%+v", v)
	}
	admin.call(t, "PUT", "catalog/"+sku, product{strings.Repeat("墨", 200), money{2, "USD"}}).into(t, 200, &v)
	var read productView
	h.nobody().call(t, "GET", "catalog/"+sku, nil).into(t, 200, &read)
	if read != v || read.Price != (money{2, "USD"}) || read.Title != strings.Repeat("墨", 200) {
		t.Errorf("%+v, then read %+v", v, read)
	}
	h.nobody().call(t, "GET", "catalog/"+sku+"x", nil).fails(t, 404, "not_found")
	h.nobody().call(t, "GET", "catalog/"+strings.ToUpper(sku), nil).fails(t, 404, "not_found")
	admin.call(t, "PUT", "catalog/sales", product{"x", cny(1)}).fails(t, 400, "invalid_sku") // the list of sales
}

// restocked is the answer of restock.
type restocked struct {
	SKU       string `json:"sku"`
	Available int    `json:"available"`
	Reserved  int    `json:"reserved"`
	Sold      int    `json:"sold"`
}

func (p person) restock(t testing.TB, sku string, units int, headers ...header) answer {
	t.Helper()
	return p.call(t, "POST", "catalog/"+sku+"/restock", map[string]int{"quantity": units}, append([]header{fresh()}, headers...)...)
}

func TestRestock(t *testing.T) {
	t.Parallel()
	h := open(t)
	admin, sku := h.admin(t), h.product(t, 0, cny(100))
	holds := func(a answer, want restocked) {
		t.Helper()
		var got restocked
		a.into(t, 200, &got)
		if got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	holds(admin.restock(t, sku, 10), restocked{sku, 10, 0, 0})
	h.buyer(t).reserved(t, line{sku, 4})
	holds(admin.restock(t, sku, -2), restocked{sku, 4, 4, 0})
	if p := admin.restock(t, sku, -5).fails(t, 409, "stock_reserved"); p.Field != "quantity" {
		t.Errorf("%+v", p)
	}
	holds(admin.restock(t, sku, -4), restocked{sku, 0, 4, 0})
	holds(admin.restock(t, sku, 1_000_000_000), restocked{sku, 1_000_000_000, 4, 0})
	holds(admin.restock(t, sku, -1_000_000_000), restocked{sku, 0, 4, 0})
	admin.restock(t, sku+"x", 1).fails(t, 404, "not_found")
	admin.call(t, "POST", "catalog/"+sku+"/restock", `{"quantity":1}`).fails(t, 400, "idempotency_key_missing")
}

func TestRestockOnceUnderAKey(t *testing.T) {
	t.Parallel()
	h := open(t)
	admin, sku, other := h.admin(t), h.product(t, 0, cny(100)), h.product(t, 0, cny(100))
	k := fresh()
	answers := make([]answer, 20)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = admin.restock(t, sku, 5, k) })
	}
	all.Wait()
	if n := len(slices.DeleteFunc(answers, func(a answer) bool { return a.status == 200 && a.header.Get("Idempotent-Replayed") == "true" })); n != 1 {
		t.Errorf("%d answers are not replayed", n)
	}
	admin.restock(t, sku, 6, k).fails(t, 422, "idempotency_key_reused")
	admin.restock(t, other, 5, k).fails(t, 422, "idempotency_key_reused")
	if n := h.available(t, sku); n != 5 {
		t.Errorf("%d units", n)
	}
	h.as(t, "second-admin", "admin").restock(t, sku, 5, k).into(t, 200, nil)
	// A refusal leaves the key free.
	k = fresh()
	admin.restock(t, sku, -11, k).fails(t, 409, "stock_reserved")
	admin.restock(t, sku, -10, k).into(t, 200, nil)
}
