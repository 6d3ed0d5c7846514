package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/fn"
	"bazaar/shared/message"
	"bazaar/shared/money"
	"bazaar/shared/order"
	"bazaar/shared/payment"
)

// The kinds of what the shop says.
const (
	orderKind  = "shop.order"
	refundKind = "shop.refund"
)

// orderBody is what the shop says of an order.
type orderBody struct {
	OrderID string `json:"order_id"`
	Event   string `json:"event"` // reserved, paid, shipped, closed
	Text    string `json:"text"`
}

// refundBody is what the shop says of a refund.
type refundBody struct {
	OrderID   string      `json:"order_id"`
	PaymentID string      `json:"payment_id"`
	Amount    money.Money `json:"amount"`
	Text      string      `json:"text"`
}

// said is the text of an event of an order; "" for one that buyers are not told of.
func said(eventType string) string {
	switch eventType {
	case order.Reserved:
		return "Your order is reserved. It is yours once it is paid."
	case order.Paid:
		return "Your payment has arrived. Thank you!"
	case order.Shipped:
		return "Your order is on its way."
	case order.Closed:
		return "Your order is closed."
	}
	return ""
}

// OrderMoved tells buyers what became of their orders. An event that comes again
// says nothing again: its id is that of the message.
func (h *Handler) OrderMoved(ctx context.Context, batch []event.Event) ([]fn.Failed, error) {
	s := shopping{to: map[string]bool{}}
	for _, e := range batch {
		var c order.Changed
		if err := e.Decode(&c); err != nil || !order.IsID(c.OrderID) {
			s.fail(e, "The event's data names no order.", err)
			continue
		}
		_, what, _ := strings.Cut(e.Type, ".")
		s.say(e, c.UserID, orderKind, orderBody{c.OrderID, what, said(e.Type)})
	}
	return h.post(ctx, &s)
}

// Refunded tells buyers of money that goes back to them.
func (h *Handler) Refunded(ctx context.Context, batch []event.Event) ([]fn.Failed, error) {
	s := shopping{to: map[string]bool{}}
	for _, e := range batch {
		var d payment.RefundedData
		if err := e.Decode(&d); err != nil || !payment.IsID(d.PaymentID) {
			s.fail(e, "The event's data names no payment.", err)
			continue
		}
		p, err := h.Payments.ByID(fn.EventContext(ctx, e), h.Store, d.PaymentID)
		switch {
		case fault.KindOf(err) == fault.NotFound:
			s.fail(e, "There is no such payment.", err)
			continue
		case err != nil:
			return nil, err
		}
		s.say(e, p.UserID, refundKind, refundBody{
			OrderID: p.OrderID, PaymentID: p.ID, Amount: money.Money{Amount: p.Amount, Currency: p.Currency},
			Text: "Your money is on its way back to you.",
		})
	}
	return h.post(ctx, &s)
}

// shopping is what the shop has to say about a batch of events.
type shopping struct {
	events []event.Event // of the drafts, in their order
	drafts []message.Draft
	failed []fn.Failed
	to     map[string]bool // events that are in it
}

// fail gives an event up: no retry mends it.
func (s *shopping) fail(e event.Event, why string, err error) {
	s.failed = append(s.failed, fn.FailedFrom(e.ID, fault.New(fault.Invalid, "invalid_event", "%s", why).Because(err)))
}

// say adds a message to a user. One to whom nobody could write is told nothing.
func (s *shopping) say(e event.Event, user, kind string, body any) {
	if !message.IsID(user) || user == message.Shop || s.to[e.ID] {
		return
	}
	text, err := json.Marshal(body)
	if err != nil {
		s.fail(e, "The event cannot be said.", fmt.Errorf("encoding a %s: %w", kind, err))
		return
	}
	s.to[e.ID] = true
	s.events = append(s.events, e)
	s.drafts = append(s.drafts, message.Draft{
		Sender: message.Shop, To: user, ClientMsgID: strings.ReplaceAll(e.ID, ".", "-"), Kind: kind, Body: text, Ours: true,
	})
}

// post stores what there is to say. A store that is away fails the call, to be
// made again; what was said before, in other words too, is done.
func (h *Handler) post(ctx context.Context, s *shopping) ([]fn.Failed, error) {
	if len(s.drafts) == 0 {
		return s.failed, nil
	}
	_, errs := h.Poster.PostAll(ctx, s.drafts)
	for i, err := range errs {
		switch {
		case err == nil, fault.Is(err, "client_msg_id_reused"):
		case fault.KindOf(err) == fault.Unavailable:
			return nil, err
		default:
			s.failed = append(s.failed, fn.FailedFrom(s.events[i].ID, err))
		}
	}
	return s.failed, nil
}
