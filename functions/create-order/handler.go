package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"bazaar/shared/crash"
	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/fn"
	"bazaar/shared/idem"
	"bazaar/shared/money"
	"bazaar/shared/order"
)

// confirming is how long to wait for Postgres where its word is needed.
const confirming = 3 * time.Second

// Prices are the prices of today, by SKU: sure, or those of a moment ago while
// a store is away.
type Prices interface {
	Now(ctx context.Context) (prices map[string]money.Money, sure bool, err error)
}

// Queue makes an event durable. Its error says whether it certainly did not.
type Queue interface {
	Publish(ctx context.Context, e event.Event) error
}

// Decided waits for what becomes of an order that is in the queue: false when
// it is not decided in time.
type Decided interface {
	For(ctx context.Context, orderID string, atMost time.Duration) (order.View, bool)
}

// Handler is the step of the function.
type Handler struct {
	Prices  Prices
	Keys    idem.Store
	Queue   Queue
	Known   idem.Known // the answer to an order that Postgres has
	Decided Decided
	Log     *slog.Logger
}

// accepted is the answer to an order that is durable.
type accepted struct {
	OrderID string      `json:"order_id"`
	Status  order.State `json:"status"`
	Total   money.Money `json:"total"`
	Links   links       `json:"links"`
}

type links struct {
	Self string `json:"self"`
}

func accept(orderID string, total money.Money) (idem.Answer, error) {
	return idem.JSON(http.StatusAccepted, accepted{
		OrderID: orderID, Status: order.StatePlaced, Total: total, Links: links{"/v1/orders/" + orderID},
	})
}

// Create places an order. A key that is known is answered whatever the prices
// are today.
func (h *Handler) Create(ctx context.Context, c fn.Call, in input) (fn.Reply, error) {
	if err := in.check(); err != nil {
		return fn.Reply{}, err
	}
	print, err := idem.Fingerprint(in)
	if err != nil {
		return fn.Reply{}, err
	}
	key := idem.Key{Scope: idem.ScopeOrder, Owner: c.Caller.Subject, Key: c.Key}
	var draft order.Draft // of this attempt, unless it resumes another
	answer, replayed, err := idem.Do(ctx, h.Keys, idem.Request{
		Key: key, Fingerprint: print, Lease: idem.DefaultLease + c.Wait, Log: h.Log,
		Prepare: func(ctx context.Context) ([]byte, error) {
			prices, sure, err := h.Prices.Now(ctx)
			if err != nil {
				return nil, err
			}
			d, err := in.price(prices)
			if err != nil && !sure && outdated(err) {
				err = fault.New(fault.Unavailable, "unavailable", "The prices of this moment are not known.").After(time.Second).Because(err)
			}
			if err != nil {
				return nil, err
			}
			d.OrderID, d.UserID, d.Fingerprint = key.ID(), c.Caller.Subject, print
			draft = d
			return json.Marshal(d)
		},
	}, func(ctx context.Context, a idem.Attempt) (idem.Answer, error) {
		if a.Resumed {
			draft = order.Draft{}
			if err := json.Unmarshal(a.Progress, &draft); err != nil {
				return idem.Answer{}, fmt.Errorf("reading the draft of order %s: %w", a.ID, err)
			}
		}
		return h.place(ctx, a, draft, c.Wait)
	})
	if err != nil {
		return fn.Reply{}, err
	}
	crash.Point("create-order", "finished")
	reply := fn.Reply{Status: answer.Status, Raw: answer.Body, ContentType: "application/json"}
	if replayed {
		reply.Header = map[string]string{"Idempotent-Replayed": "true"}
	}
	return reply, nil
}

// outdated reports whether newer prices may have another answer than err.
func outdated(err error) bool {
	return fault.Is(err, "unknown_sku") || fault.Is(err, "price_changed")
}

// place makes the draft of an attempt durable. From then on the order is
// accepted, whatever happens to the caller.
func (h *Handler) place(ctx context.Context, a idem.Attempt, d order.Draft, wait time.Duration) (idem.Answer, error) {
	// Nothing is acknowledged that reserve-stock would refuse. That is no mistake
	// of the caller's, whatever the draft's fault says of it.
	if err := d.Validate(); err != nil || d.OrderID != a.ID {
		return idem.Answer{}, fmt.Errorf("the draft of order %s is none: %v", a.ID, err)
	}
	crash.Point("create-order", "publish")
	// The draft is encoded once: what the key remembers is what the queue gets.
	if err := h.Queue.Publish(ctx, event.Of(order.Placed, d.OrderID, d.OrderID, a.Progress)); err != nil {
		return idem.Answer{}, err
	}
	crash.Point("create-order", "published")
	answer, err := accept(d.OrderID, money.Money{Amount: d.Amount, Currency: d.Currency})
	if a.Doubtful && err == nil {
		answer, err = h.confirm(ctx, d)
	}
	if err != nil {
		return idem.Answer{}, err
	}
	if wait > 0 {
		if v, ok := h.Decided.For(ctx, d.OrderID, wait); ok {
			return idem.JSON(http.StatusCreated, v)
		}
	}
	return answer, nil
}

// confirm asks Postgres what was ordered. Soon after Redis was emptied an
// attempt under the same key, from before, may still reach the queue first, with
// other lines or another price; Postgres takes the first.
func (h *Handler) confirm(ctx context.Context, d order.Draft) (idem.Answer, error) {
	later := fault.New(fault.Unavailable, "unavailable", "The service is catching up; try again in a moment.").After(time.Second)
	if _, ok := h.Decided.For(ctx, d.OrderID, confirming); !ok {
		return idem.Answer{}, idem.Keep(later)
	}
	known, found, err := h.Known(ctx, d.OrderID)
	switch {
	case err != nil:
		return idem.Answer{}, idem.Keep(err)
	case !found:
		return idem.Answer{}, idem.Keep(later)
	case known.Fingerprint != d.Fingerprint:
		return idem.Answer{}, fault.New(fault.Mismatch, "idempotency_key_reused", "This Idempotency-Key was used for another request.")
	}
	return known.Answer, nil
}
