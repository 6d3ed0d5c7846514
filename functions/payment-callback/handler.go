package main

import (
	"context"
	"crypto/rsa"
	"errors"
	"mime"
	"net/http"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/crash"
	"bazaar/shared/event"
	"bazaar/shared/fn"
	"bazaar/shared/payment"
	"bazaar/shared/payment/alipay"
	"bazaar/shared/pg"
	"bazaar/shared/telemetry"
)

// The two answers that the provider knows: to the first it stops, to anything
// else it says the same again.
const (
	accepted = "success"
	refused  = "failure"
)

// Handler is the step.
type Handler struct {
	Transactions interface {
		InTx(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) error) error
	}
	Payments interface {
		Notify(ctx context.Context, q pg.Querier, n payment.Notice) (id int64, fresh bool, err error)
	}
	Provider *rsa.PublicKey
	Merchant alipay.Merchant
	// Record puts events into the outbox, Announce publishes them after the commit.
	Record   func(ctx context.Context, q pg.Querier, evs ...event.Event) error
	Announce func(ctx context.Context, evs ...event.Event)
	Watch    Watch
}

// Take stores one notification, once, and answers success when it is durable.
// What is not signed by the provider leaves no trace but a count and answers
// failure. What is signed but cannot be ours is stored as rejected and answers
// success, since no retry can mend it. A store that is away fails the call: the
// provider will come again.
func (h *Handler) Take(ctx context.Context, c fn.RawCall) (fn.Reply, error) {
	notification, err := h.verify(c)
	if err != nil {
		h.Watch.Forged(ctx, err)
		return answer(refused), nil
	}
	notice := payment.FromNotification(notification, c.Body, h.Merchant)
	notice.TraceParent = telemetry.TraceParent(ctx)
	id, fresh, err := h.store(ctx, notice)
	if err != nil {
		return fn.Reply{}, err
	}
	crash.Point("payment-callback", "committed")
	notice.ID = id
	h.Watch.Stored(ctx, notice, fresh)
	return answer(accepted), nil
}

// verify reads a notification from the body alone. A query string is refused,
// not ignored: the provider sends none, and a parameter there is not signed.
func (h *Handler) verify(c fn.RawCall) (alipay.Notification, error) {
	if len(c.Query) > 0 {
		return alipay.Notification{}, errors.New("the address has a query string")
	}
	if media, _, err := mime.ParseMediaType(c.ContentType); err != nil || media != "application/x-www-form-urlencoded" {
		return alipay.Notification{}, errors.New("the body is no form")
	}
	return alipay.ParseNotification(c.Body, h.Provider)
}

// store commits a notice together with the event that it waits, when it is new
// and waits, and announces the event then.
func (h *Handler) store(ctx context.Context, n payment.Notice) (id int64, fresh bool, err error) {
	var emitted []event.Event
	err = h.Transactions.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		emitted = nil
		if id, fresh, err = h.Payments.Notify(ctx, tx, n); err != nil || !fresh || n.State != payment.New {
			return err
		}
		e, err := payment.NotifiedEvent(id)
		if err != nil {
			return err
		}
		e.TraceParent = n.TraceParent
		emitted = []event.Event{e}
		return h.Record(ctx, tx, e)
	})
	if err == nil && len(emitted) > 0 {
		h.Announce(ctx, emitted...)
	}
	return id, fresh, err
}

// answer is the whole body: one more byte and the provider does not know it.
func answer(word string) fn.Reply {
	return fn.Reply{Status: http.StatusOK, Raw: []byte(word), ContentType: "text/plain; charset=utf-8"}
}
