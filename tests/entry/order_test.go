package entry_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"bazaar/tests/support"
)

func TestFiftyRequestsUnderOneKeyAreOneOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.orders()
	var mu sync.Mutex
	orders, firsts := map[string]bool{}, 0
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			a := f.order("alice", "k", oneTea)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case a.status == 202:
				orders[a.body] = true
				if !a.replayed {
					firsts++
				}
			case a.status != 409 || a.order.Code != "idempotency_key_in_progress":
				t.Errorf("got %d %s", a.status, a.body)
			}
		})
	}
	all.Wait()
	if events := w.queued(); len(orders) != 1 || firsts != 1 || len(events) != 1 {
		t.Errorf("%d answers, %d of them first, %d events", len(orders), firsts, len(events))
	}
	again := f.order("alice", `"k"`, oneTea).is(t, 202, "")
	if !again.replayed || !orders[again.body] {
		t.Errorf("again: %+v", again)
	}
	f.order("alice", "k", twoTeas).is(t, 422, "idempotency_key_reused")
	if bobs := f.order("bob", "k", oneTea).is(t, 202, ""); bobs.replayed || bobs.order.OrderID == again.order.OrderID {
		t.Errorf("bob got %s", bobs.body)
	}
}

func TestOrderAfterAPutIsPricedAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	orders, products := w.orders(), w.products()
	old := orders.order("alice", "old", oneTea).is(t, 202, "")
	products.put(`{"title":"Tea","price":{"amount":300,"currency":"CNY"}}`).is(t, 200, "")
	if a := orders.order("alice", "new", oneTea).is(t, 202, ""); a.order.Total.Amount != 300 {
		t.Errorf("priced %d", a.order.Total.Amount)
	}
	if a := orders.order("alice", "old", oneTea).is(t, 202, ""); a.body != old.body || !a.replayed {
		t.Errorf("the first answer was %s, now %s", old.body, a.body)
	}
	expecting := `{"lines":[{"sku":"tea","quantity":1}],"expected_total":{"amount":250,"currency":"CNY"}}`
	orders.order("alice", "expecting", expecting).is(t, 409, "price_changed")
}

func TestWaitingForTheOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reserving()
	f := w.orders()
	a := f.order("alice", "k", oneTea, "Prefer", "wait=9").is(t, 201, "")
	if a.order.Status != "reserved" || !strings.Contains(a.body, `"expires_at":"20`) {
		t.Errorf("got %s", a.body)
	}
	if again := f.order("alice", "k", oneTea).is(t, 201, ""); again.body != a.body || !again.replayed {
		t.Errorf("again %s", again.body)
	}
	w.restock(-999)
	if a := f.order("alice", "late", oneTea, "Prefer", "wait=9").is(t, 201, ""); a.order.Status != "rejected" || !strings.Contains(a.body, "sold_out") {
		t.Errorf("got %s", a.body)
	}
}

func TestWaitThatPasses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.orders()
	if a := f.order("alice", "k", oneTea, "Prefer", "wait=1").is(t, 202, ""); a.order.Status != "placed" {
		t.Errorf("got %s", a.body)
	}
}

func TestRestockHappensOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.products()
	admin := support.Token(t, "admin", "admin")
	restock := func(key, body string) answer {
		return f.call(http.MethodPost, "/tea/restock", admin, key, body)
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if a := restock("k", `{"quantity":10}`); a.status != 200 && a.status != 409 {
				t.Errorf("got %d %s", a.status, a.body)
			}
		})
	}
	all.Wait()
	if a := restock("k", `{"quantity":10}`).is(t, 200, ""); !a.replayed || a.body != `{"sku":"tea","available":1010,"reserved":0,"sold":0}` {
		t.Errorf("got %s", a.body)
	}
	restock("k", `{"quantity":11}`).is(t, 422, "idempotency_key_reused")
	restock("out", `{"quantity":-1011}`).is(t, 409, "stock_reserved")
	restock("out", `{"quantity":-1010}`).is(t, 200, "")
	if n := w.count(`select available from stock.item where sku = 'tea'`); n != 0 {
		t.Errorf("%d are left", n)
	}
}
