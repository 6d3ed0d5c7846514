package contract_test

import (
	"fmt"
	"testing"
)

// A caller may shorten the time that a call has. Its key tells later what
// became of it: never two orders, never one that is lost.
func TestHurriedCallers(t *testing.T) {
	t.Parallel()
	h := open(t)
	buyer, sku := h.buyer(t), h.product(t, 10, cny(100))
	h.nobody().call(t, "GET", "catalog", nil, header{"X-Timeout", "1ns"}).fails(t, 504, "timeout")
	h.nobody().call(t, "GET", "catalog?limit=1", nil, header{"X-Timeout", "60s"}).into(t, 200, nil)
	k := fresh()
	for n := range 12 {
		hurry := header{"X-Timeout", fmt.Sprintf("%dus", 1<<n)}
		switch a := buyer.place(t, []line{{sku, 1}}, k, hurry); a.status {
		case 202:
			a.into(t, 202, nil)
		case 409:
			a.fails(t, 409, "idempotency_key_in_progress")
		case 503: // a store's own deadline may be a moment before the call's
			a.fails(t, 503, "unavailable")
		default:
			a.fails(t, 504, "timeout")
		}
	}
	var v acceptedView
	eventually(t, patience, "the key to be answered", func() bool {
		a := buyer.place(t, []line{{sku, 1}}, k)
		if a.status != 202 {
			a.fails(t, 409, "idempotency_key_in_progress")
			return false
		}
		a.into(t, 202, &v)
		return true
	})
	buyer.await(t, v.OrderID, "reserved")
	if all, _ := pages[orderView](t, buyer, "manage-order", 100); len(all) != 1 || h.available(t, sku) != 9 {
		t.Errorf("%d orders, %d units left of 10", len(all), h.available(t, sku))
	}
}
