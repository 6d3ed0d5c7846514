package message_test

import (
	"context"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"bazaar/shared/auth"
	"bazaar/shared/bus"
	"bazaar/shared/event"
	"bazaar/shared/message"
	"bazaar/shared/order"
)

// TestTheShopTellsOfAnOrder over the socket of its buyer, of each step once, also
// when its event comes again.
func TestTheShopTellsOfAnOrder(t *testing.T) {
	h := open(t)
	c := h.cast(t)
	dora := c.join("dora", "phone", 1)
	admin, buyer := h.token(t, "admin", auth.RoleAdmin), h.token(t, dora.name)
	sku := "test-" + uuid.NewString()[:13]
	h.call(t, admin, "PUT", "catalog/"+sku, map[string]any{"title": "Tea", "price": map[string]any{"amount": 100, "currency": "CNY"}}, 201, nil)
	h.call(t, admin, "POST", "catalog/"+sku+"/restock", map[string]any{"quantity": 3}, 200, nil)
	var placed struct {
		OrderID string `json:"order_id"`
	}
	h.call(t, buyer, "POST", "create-order", map[string]any{"lines": []any{map[string]any{"sku": sku, "quantity": 1}}}, 202, &placed)
	shop := message.DirectID(message.Shop, dora.name)
	dora.shows(shop, 1)
	h.call(t, buyer, "POST", "manage-order/"+placed.OrderID+"/cancel", nil, 200, nil)
	dora.shows(shop, 2)
	for i, want := range []string{"reserved", "closed"} {
		var body struct {
			OrderID string `json:"order_id"`
			Event   string `json:"event"`
		}
		e := dora.Timeline(shop)[i]
		if err := json.Unmarshal(e.Body, &body); err != nil || e.From != message.Shop || e.Kind != "shop.order" || body.OrderID != placed.OrderID || body.Event != want {
			t.Errorf("%d: %+v %s, want %s", i, e, e.Body, want)
		}
		version := strings.TrimPrefix(e.ClientMsgID, placed.OrderID+"-")
		repeated, err := event.New("order."+want, placed.OrderID+"."+version, placed.OrderID, order.Changed{OrderID: placed.OrderID, UserID: dora.name})
		if err != nil {
			t.Fatal(err)
		}
		h.again(t, repeated)
	}
	if n := h.count(t, `select last_seq from message.conversation where conversation_id = $1`, shop); n != 2 {
		t.Errorf("the shop has said %d things", n)
	}
	c.holds()
}

// again publishes an event that push-message has had, and waits until it has had
// it once more.
func (h *house) again(t *testing.T, e event.Event) {
	t.Helper()
	b, err := bus.Open(h.NATS, "tests", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close(context.WithoutCancel(t.Context())) }()
	mark := `"event_id":"` + e.ID + `"`
	had := strings.Count(h.Log(t, "push-message"), mark)
	if had == 0 {
		t.Errorf("push-message has not had %s", e.ID)
	}
	if err := b.Publish(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	eventually(t, e.Type+" to come again", func() bool { return strings.Count(h.Log(t, "push-message"), mark) > had })
}
