package contract_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
)

func TestFormsOfAKey(t *testing.T) {
	t.Parallel()
	h := open(t)
	buyer, sku := h.buyer(t), h.product(t, 100, cny(100))
	lines := []line{{sku, 1}}
	order := func(value string) (v acceptedView) {
		t.Helper()
		buyer.place(t, lines, key(value)).into(t, 202, &v)
		return v
	}
	id := uuid.NewString()
	first := buyer.place(t, lines, key(id))
	buyer.place(t, lines, key(`"`+id+`"`)).replayed(t, first)
	buyer.place(t, lines, key("  "+id+"  ")).replayed(t, first)
	longest := id + strings.Repeat("k", 255-len(id))
	if order(longest) != order(`"`+longest+`"`) || order("!#$%&'*+-.^_`|~"+id) != order(`"!#$%&'*+-.^_`+"`"+`|~`+id+`"`) {
		t.Error("quoted and bare are not the same key")
	}
	if order(`"a\"b\\c`+id+`"`) != order(`a"b\c`+id) {
		t.Error("escapes are not undone")
	}
	if order("K"+id) == order("k"+id) {
		t.Error("letters of both cases are the same key")
	}
	for _, bad := range []string{
		longest + "k", `"` + longest + `k"`, "a b", `"a b"`, `"abc`, `""`, `"a" b`, `"a", "b"`, "a\tb", "schlüssel", "键", `"a\nb"`,
	} {
		if p := buyer.place(t, lines, key(bad)).fails(t, 400, "idempotency_key_invalid"); p.Field != "Idempotency-Key" {
			t.Errorf("%q names %q", bad, p.Field)
		}
	}
	twice := "POST /function/create-order HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " + buyer.token +
		"\r\nIdempotency-Key: a\r\nIdempotency-Key: b\r\nContent-Length: 2\r\n\r\n{}"
	if got := raw(t, h.Gateway, twice); !strings.HasPrefix(got, "HTTP/1.1 400 ") || !strings.Contains(got, "idempotency_key_invalid") {
		t.Errorf("two keys: %s", got)
	}
}

func TestRoutesThatNeedAKey(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.unchanged(t, func() {
		for _, i := range []int{4, 5, 9} {
			e := s.writes(t)[i]
			if p := e.who.call(t, e.method, e.path, e.body).fails(t, 400, "idempotency_key_missing"); p.Field != "Idempotency-Key" {
				t.Errorf("%s names %q", e.path, p.Field)
			}
		}
	})
}

func TestAKeyIsOneOrder(t *testing.T) {
	t.Parallel()
	h := open(t)
	buyer, sku := h.buyer(t), h.product(t, 100, cny(100))
	k := fresh()
	first := buyer.place(t, []line{{sku, 2}}, k)
	var v acceptedView
	first.into(t, 202, &v)
	same := `{ "expected_total":null, "lines" : [ {"quantity":2,"sku":"` + sku + `"} ] }`
	buyer.call(t, "POST", "create-order", same, k).replayed(t, first)
	buyer.place(t, []line{{sku, 2}}, k, header{"Prefer", "wait=10"}).replayed(t, first)
	buyer.place(t, []line{{sku, 3}}, k).fails(t, 422, "idempotency_key_reused")
	buyer.place(t, []line{{"no-such-sku", 2}}, k).fails(t, 422, "idempotency_key_reused")
	buyer.call(t, "POST", "create-order", ordering{[]line{{sku, 2}}, &money{200, "CNY"}}, k).fails(t, 422, "idempotency_key_reused")
	// Another price, another user: the key means what it meant.
	h.admin(t).call(t, "PUT", "catalog/"+sku, product{"Dearer", cny(999)}).into(t, 200, nil)
	buyer.place(t, []line{{sku, 2}}, k).replayed(t, first)
	var other acceptedView
	h.buyer(t).place(t, []line{{sku, 2}}, k).into(t, 202, &other)
	if other.OrderID == v.OrderID || other.Total != cny(1998) {
		t.Errorf("another user's order is %+v", other)
	}
	// A key is of one kind of request: a payment may have the same.
	buyer.await(t, v.OrderID, "reserved")
	buyer.startPayment(t, v.OrderID, k).into(t, 201, nil)
	buyer.place(t, []line{{sku, 2}}, k).replayed(t, first)
	// The answer of who waited is kept as well.
	k = fresh()
	waited := buyer.place(t, []line{{sku, 1}}, k, header{"Prefer", "wait=10"})
	waited.into(t, 201, nil)
	buyer.place(t, []line{{sku, 1}}, k).replayed(t, waited)
}

func TestARefusalLeavesTheKeyFree(t *testing.T) {
	t.Parallel()
	h := open(t)
	buyer, sku := h.buyer(t), h.product(t, 100, cny(100))
	k := fresh()
	buyer.place(t, []line{{"no-such-sku", 1}}, k).fails(t, 400, "unknown_sku")
	buyer.place(t, []line{{sku, 0}}, k).fails(t, 400, "invalid_quantity")
	if a := buyer.place(t, []line{{sku, 1}}, k); a.status != 202 || a.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("answered %d %s", a.status, a.body)
	}
}

func TestFiftyRequestsUnderOneKey(t *testing.T) {
	t.Parallel()
	h := open(t)
	buyer, sku, k := h.buyer(t), h.product(t, 100, cny(100)), fresh()
	answers := make([]answer, 50)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = buyer.place(t, []line{{sku, 1}}, k) })
	}
	all.Wait()
	orders, firsts := map[string]bool{}, 0
	for _, a := range answers {
		if a.status == 409 {
			a.fails(t, 409, "idempotency_key_in_progress")
			continue
		}
		var v acceptedView
		a.into(t, 202, &v)
		orders[v.OrderID] = true
		if a.header.Get("Idempotent-Replayed") == "" {
			firsts++
		}
	}
	if len(orders) != 1 || firsts > 1 {
		t.Errorf("%d orders, %d first answers", len(orders), firsts)
	}
}
