package contract_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"bazaar/shared/bus"
	"bazaar/shared/event"
	"bazaar/shared/group"
	"bazaar/shared/message"
	"bazaar/shared/order"
	"bazaar/shared/payment"
)

// shopSays is what the shop has said to a buyer, by the event that it spoke of.
func (p talker) shopSays(t testing.TB) (all []messageView) {
	t.Helper()
	for _, c := range p.sync(t, nil, 100).Conversations {
		if len(c.Messages) > 0 && c.Messages[0].From == "shop" {
			all = append(all, c.Messages...)
		}
	}
	return all
}

// spoken is what a message of the shop is about.
type spoken struct {
	OrderID   string `json:"order_id"`
	PaymentID string `json:"payment_id"`
	Event     string `json:"event"`
	Amount    money  `json:"amount"`
	Text      string `json:"text"`
}

// awaitShop waits until the shop has spoken of an event of an order, or of its refund.
func (p talker) awaitShop(t testing.TB, orderID, what string) (m messageView, s spoken) {
	t.Helper()
	eventually(t, patience, "the shop to speak of "+what, func() bool {
		for _, m = range p.shopSays(t) {
			s = spoken{}
			if err := json.Unmarshal(m.Body, &s); err != nil {
				t.Fatal(err)
			}
			if s.OrderID == orderID && (s.Event == what || m.Kind == what) {
				return true
			}
		}
		return false
	})
	return m, s
}

func TestTheShopSpeaksOfAnOrder(t *testing.T) {
	t.Parallel()
	h := open(t)
	b, buyer, sku := h.bus(t), h.talker(t), h.product(t, 10, cny(4200))
	o := buyer.reserved(t, line{sku, 1})
	m, s := buyer.awaitShop(t, o.OrderID, "reserved")
	if m.Seq != 1 || m.From != "shop" || m.Kind != "shop.order" || s.Text == "" || !strings.HasPrefix(m.ClientMsgID, o.OrderID+"-") {
		t.Errorf("%+v %+v", m, s)
	}
	paid := buyer.pay(t, o.OrderID)
	paid.press(t, "pay")
	buyer.awaitShop(t, o.OrderID, "paid")
	h.storekeeper(t).call(t, "POST", "manage-order/"+o.OrderID+"/ship", `{"carrier":"SF","tracking":"1"}`).into(t, 200, nil)
	shipped, _ := buyer.awaitShop(t, o.OrderID, "shipped")
	other := buyer.reserved(t, line{sku, 1})
	buyer.awaitShop(t, other.OrderID, "reserved")
	buyer.call(t, "POST", "manage-order/"+other.OrderID+"/cancel", nil).into(t, 200, nil)
	buyer.awaitShop(t, other.OrderID, "closed")

	// Money that goes back: nobody emits that yet.
	back, err := payment.RefundedEvent(payment.RefundedData{RefundID: uuid.NewString(), PaymentID: paid.PaymentID, OrderID: "wrong", UserID: "wrong"})
	if err != nil {
		t.Fatal(err)
	}
	h.publish(t, b, back)
	m, s = buyer.awaitShop(t, o.OrderID, "shop.refund")
	if s.PaymentID != paid.PaymentID || s.Amount != cny(4200) || s.Text == "" {
		t.Errorf("%+v %+v", m, s)
	}

	// What comes again is said by now.
	before := buyer.shopSays(t)
	id := strings.Replace(shipped.ClientMsgID, o.OrderID+"-", o.OrderID+".", 1)
	again, err := event.New(order.Shipped, id, o.OrderID, order.Changed{OrderID: o.OrderID, UserID: buyer.name, Version: 9})
	if err != nil {
		t.Fatal(err)
	}
	h.again(t, b, again)
	h.again(t, b, back)
	if after := buyer.shopSays(t); len(after) != len(before) || len(before) != 6 {
		t.Errorf("%d messages, before %d", len(after), len(before))
	}
	// One cannot answer for the shop, and may answer it.
	buyer.say(t, shipped.Conversation, "thanks")
}

// publish publishes an event.
func (h *house) publish(t testing.TB, b *bus.Bus, e event.Event) {
	t.Helper()
	if err := b.Publish(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

// again publishes an event that push-message has had, and waits until it has had
// it once more.
func (h *house) again(t testing.TB, b *bus.Bus, e event.Event) {
	t.Helper()
	mark := `"event_id":"` + e.ID + `"`
	eventually(t, patience, "the first of "+e.Type, func() bool { return strings.Contains(h.Log(t, "push-message"), mark) })
	had := strings.Count(h.Log(t, "push-message"), mark)
	h.publish(t, b, e)
	eventually(t, patience, e.Type+" to come again", func() bool { return strings.Count(h.Log(t, "push-message"), mark) > had })
}

func TestEventsOfMessagesWantTheTriggersSignature(t *testing.T) {
	t.Parallel()
	h := open(t)
	batch := header{"Content-Type", "application/cloudevents-batch+json"}
	for _, signature := range []string{"", "x", "t=1,v1=AAAA", fmt.Sprintf("t=%d,v1=%s==", time.Now().Unix(), strings.Repeat("A", 86))} {
		for _, body := range []string{"[]", `[{"specversion":"1.0","id":"1","type":"order.paid","source":"x","data":{"order_id":"` + uuid.NewString() + `","user_id":"alice"}}]`} {
			h.admin(t).call(t, "POST", "push-message", body, batch, header{"X-Bazaar-Signature", signature}).fails(t, 401, "invalid_signature")
		}
	}
}

// kindOf is the kind of an event that is told, "" of something else.
func kindOf(m *nats.Msg) string {
	var e struct{ T, Kind string }
	if json.Unmarshal(m.Data, &e) != nil || e.T != "event" {
		return ""
	}
	return e.Kind
}

// What happens in a conversation is told there, and people are told of theirs.
func TestWhatIsTold(t *testing.T) {
	t.Parallel()
	h := open(t)
	b, alice, bob, carol := h.bus(t), h.talker(t), h.talker(t), h.talker(t)
	d := message.DirectID(alice.name, bob.name)
	heard := listening(t, b, group.Subject(alice.name), group.Subject(bob.name), group.Subject(carol.name), message.SentSubject(d))
	v := h.letters(t, letter{alice.token, "n1-7", talk{To: bob.name, ClientMsgID: "first", Kind: "text", Body: map[string]string{"text": "hi"}}})[0].at(t)
	order := []string{}
	told := next(t, heard, "the message", func(m *nats.Msg) bool {
		order = append(order, m.Subject)
		return m.Subject == message.SentSubject(d)
	})
	if len(order) != 3 || order[2] != told.Subject {
		t.Errorf("told in the order %q: who is new to it hears of a conversation before its first message", order)
	}
	want := bob.history(t, d)[0]
	var line struct {
		T string `json:"t"`
		messageView
	}
	if err := json.Unmarshal(told.Data, &line); err != nil || line.T != "message" || line.Seq != 1 || line.MessageID != want.MessageID || string(line.Body) != string(want.Body) || !line.SentAt.Equal(v.SentAt.Time) {
		t.Errorf("%s, %v", told.Data, err)
	}
	for name, value := range map[string]string{message.HeaderVersion: "1", message.HeaderFirst: "1", message.HeaderLast: "1", message.HeaderFrame: "message", message.HeaderSockets: "n1-7"} {
		if told.Header.Get(name) != value {
			t.Errorf("%s is %q", name, told.Header.Get(name))
		}
	}
	bob.call(t, "POST", "sync-messages/"+d+"/read", `{"seq":1}`).into(t, 204, nil)
	next(t, heard, "the read cursor", func(m *nats.Msg) bool { return kindOf(m) == "read" && strings.Contains(string(m.Data), bob.name) })
	alice.call(t, "POST", "push-message/"+d+"/recall", `{"seq":1}`).into(t, 200, nil)
	next(t, heard, "the recall", func(m *nats.Msg) bool { return kindOf(m) == "recall" })

	g := alice.found(t, bob)
	for _, who := range []talker{bob, alice} {
		next(t, heard, "the group of "+who.name, func(m *nats.Msg) bool {
			c, err := group.ReadChanged(m.Data)
			return err == nil && m.Subject == group.Subject(who.name) && c.Conversation == g.GroupID && !c.Gone && c.Version == g.Version
		})
	}
	room := listening(t, b, message.SentSubject(g.GroupID))
	alice.put(t, g, carol, `{}`).into(t, 201, nil)
	next(t, room, "carol to join", func(m *nats.Msg) bool { return strings.Contains(string(m.Data), `"change":"joined"`) })
	alice.call(t, "PATCH", "manage-group/"+g.GroupID, `{"title":"Another"}`).into(t, 200, nil)
	next(t, room, "the title", func(m *nats.Msg) bool {
		return kindOf(m) == "group" && strings.Contains(string(m.Data), `"title":"Another"`)
	})
	alice.remove(t, g, carol).into(t, 204, nil)
	next(t, heard, "carol to be out", func(m *nats.Msg) bool {
		c, err := group.ReadChanged(m.Data)
		return err == nil && m.Subject == group.Subject(carol.name) && c.Gone
	})
	after := next(t, room, "the others to know", func(m *nats.Msg) bool { return strings.Contains(string(m.Data), `"change":"removed"`) })
	// Nobody may see it who was not looked up after carol went.
	if g = alice.group(t, g); after.Header.Get(message.HeaderVersion) != fmt.Sprint(g.Version) {
		t.Errorf("told at version %s, the group is at %d", after.Header.Get(message.HeaderVersion), g.Version)
	}
}

// What was stored leaves the outbox; where its event comes, it is told again; the
// sweep tells how far the conversation is; and who is away is reminded.
func TestWhatIsStoredIsToldOfUntilItIsHeard(t *testing.T) {
	t.Parallel()
	h := open(t)
	b, alice, bob := h.bus(t), h.talker(t), h.talker(t)
	heads := listening(t, b, message.HeadSubject)
	v := alice.write(t, bob, "hi")
	room := listening(t, b, message.SentSubject(v.Conversation))
	next(t, heads, "the head", func(m *nats.Msg) bool {
		got, err := message.ReadHeads(m.Data)
		return err == nil && got.Heads[v.Conversation] == message.Head{Version: 1, LastSeq: 1}
	})
	eventually(t, patience, "the event to be settled", func() bool {
		var left int
		if err := h.Pool.QueryRow(t.Context(), `select count(*) from outbox.event where body::text like '%' || $1::text || '%'`, v.Conversation).Scan(&left); err != nil {
			t.Fatal(err)
		}
		return left == 0
	})
	e, err := message.StoredEvent(uuid.NewString(), message.StoredData{
		Spans: []message.Stretch{{Conversation: v.Conversation, First: 1, Last: 1}}, Recalls: []message.Place{{Conversation: v.Conversation, Seq: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	h.publish(t, b, e)
	next(t, room, "the message again", func(m *nats.Msg) bool {
		return m.Header.Get(message.HeaderFrame) == "message" && m.Header.Get(message.HeaderVersion) == "1" && strings.Contains(string(m.Data), v.MessageID)
	})
	next(t, room, "the recall again", func(m *nats.Msg) bool { return kindOf(m) == "recall" })

	missed, err := b.JetStream().OrderedConsumer(t.Context(), bus.MissedStream, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverAllPolicy})
	if err != nil {
		t.Fatal(err)
	}
	found := false
	eventually(t, patience, "bob to be reminded", func() bool {
		some, err := missed.Fetch(100, jetstream.FetchMaxWait(100*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		for m := range some.Messages() {
			events, err := event.DecodeBatch(m.Data())
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				var d message.MissedData
				if err := e.Decode(&d); err != nil {
					t.Fatal(err)
				}
				found = found || d.Conversation == v.Conversation && slices.Equal(d.Users, []string{bob.name}) && d.Seq == 1 && d.From == alice.name && e.ID == v.MessageID
			}
		}
		return found
	})
}
