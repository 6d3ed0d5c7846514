//go:build linux

package powercut_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"bazaar/shared/auth"
	"bazaar/tests/powercut/disk"
	"bazaar/tests/support"
)

const (
	customers = 8
	// asked is how many of the last orders are asked about by HTTP; all are looked for.
	asked = 200
)

// TestTheWholeHouseSurvives cuts the power of everything that one machine runs,
// Redis too, soon after it was set up: what was answered 202 becomes an order, once, and its key stands
// for it as before.
func TestTheWholeHouseSurvives(t *testing.T) {
	t.Parallel()
	d := disk.New(t)
	h := newHouse(t, d)
	h.offer(t)
	l := h.trade(t)
	loss := d.Cut(t)
	h.start(t)
	t.Logf("the cut took %s; %d orders were accepted", loss, len(l.purchases))
	again := time.Now()
	h.mustBecomeOrders(t, l.purchases)
	t.Logf("all were decided %s after the house was ready", time.Since(again).Round(time.Millisecond))
	for _, p := range l.purchases[max(0, len(l.purchases)-asked):] {
		if p.house = h; !p.isRemembered(t) {
			break // the others would say the same
		}
	}
	support.MustHold(t, h.pool)
}

// offer puts a product into the catalogue.
func (h *house) offer(t *testing.T) {
	t.Helper()
	admin := h.as(t, "admin", auth.RoleAdmin)
	product := map[string]any{"title": "A candle", "price": map[string]any{"amount": price, "currency": "CNY"}}
	if r := admin.insist(t, http.MethodPut, "catalog/"+sku, "", product); r.status != http.StatusCreated {
		t.Fatalf("putting a product: %s", r)
	}
	stock := map[string]any{"quantity": 1_000_000}
	if r := admin.insist(t, http.MethodPost, "catalog/"+sku+"/restock", uuid.NewString(), stock); r.status != http.StatusOK {
		t.Fatalf("putting stock: %s", r)
	}
}

// trade has customers shop for a while and then kills everything under them.
func (h *house) trade(t *testing.T) *ledger {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	l := &ledger{}
	var shopping sync.WaitGroup
	for n := range customers {
		c := h.as(t, fmt.Sprint("customer", n))
		shopping.Go(func() { l.shopUntil(ctx, c) })
	}
	moment := momentOf(*seed)
	defer moment.Stop()
	<-moment.C
	h.kill()
	stop()
	shopping.Wait()
	if len(l.purchases) == 0 {
		t.Fatalf("no order was accepted: %s", l.refused)
	}
	return l
}

// mustBecomeOrders waits until every purchase is decided.
func (h *house) mustBecomeOrders(t *testing.T, purchases []purchase) {
	t.Helper()
	ids := make([]string, len(purchases))
	for i, p := range purchases {
		ids[i] = p.id
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		var decided int
		err := h.pool.QueryRow(ctx, `select count(*) from orders.order
			where order_id = any($1::text[]::uuid[]) and state in ('reserved', 'rejected')`, ids).Scan(&decided)
		if err != nil {
			t.Fatalf("looking for the orders: %d of %d are there: %v", decided, len(ids), err)
		}
		if decided == len(ids) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%d of %d accepted orders are lost", len(ids)-decided, len(ids))
		}
	}
}

// isRemembered asks for the order, with its key again, and with its key for
// something else.
func (p purchase) isRemembered(t *testing.T) bool {
	t.Helper()
	if r := p.insist(t, http.MethodGet, "manage-order/"+p.id, "", nil); r.status != http.StatusOK {
		t.Errorf("order %s: %s", p.id, r)
	}
	if r := p.insist(t, http.MethodPost, "create-order", p.key, basket(2)); r.status != http.StatusUnprocessableEntity {
		t.Errorf("the key of %s for another order: %s, want 422", p.id, r)
	}
	if r := p.insist(t, http.MethodPost, "create-order", p.key, basket(1)); r.status != http.StatusAccepted || r.OrderID != p.id {
		t.Errorf("the key of %s again: %s, want the same order", p.id, r)
	}
	return !t.Failed()
}
