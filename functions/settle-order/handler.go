package main

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/crash"
	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/fn"
	"bazaar/shared/order"
	"bazaar/shared/payment"
	"bazaar/shared/payment/alipay"
	"bazaar/shared/pg"
	"bazaar/shared/stock"
)

// actor is this function in the history of an order.
const actor = "settle-order"

// Handler holds the steps.
type Handler struct {
	Store interface {
		pg.Querier
		InTx(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) error) error
	}
	Orders interface {
		LockOne(ctx context.Context, tx pgx.Tx, id string) (*order.Order, error)
		Expiring(ctx context.Context, tx pgx.Tx, limit int) ([]*order.Order, error)
		ClosingDue(ctx context.Context, tx pgx.Tx, limit int) ([]*order.Order, error)
		PutOff(ctx context.Context, q pg.Querier, o *order.Order, wait time.Duration, at time.Time) error
		Move(ctx context.Context, tx pgx.Tx, v order.Verb, c order.Change, orders ...*order.Order) ([]event.Event, error)
	}
	Stock interface {
		Confirm(ctx context.Context, tx pgx.Tx, demands []stock.Demand) error
		Release(ctx context.Context, tx pgx.Tx, demands []stock.Demand) error
	}
	Payments interface {
		OfTrades(ctx context.Context, q pg.Querier, outTradeNos []string) (map[string]payment.Payment, error)
		LatestOf(ctx context.Context, q pg.Querier, orderIDs []string) (map[string]payment.Payment, error)
		ByTrade(ctx context.Context, tx pgx.Tx, outTradeNo string) (payment.Payment, error)
		Succeed(ctx context.Context, tx pgx.Tx, id, tradeNo string) error
		Closed(ctx context.Context, q pg.Querier, id string) error
		Notify(ctx context.Context, q pg.Querier, n payment.Notice) (id int64, fresh bool, err error)
		Claim(ctx context.Context, tx pgx.Tx, ids []int64) ([]payment.Notice, error)
		ClaimDue(ctx context.Context, tx pgx.Tx, limit int) ([]payment.Notice, error)
		Conclude(ctx context.Context, tx pgx.Tx, id int64, state payment.NoticeState, reason string) error
		Postpone(ctx context.Context, tx pgx.Tx, id int64, reason string) error
	}
	Provider interface {
		Query(ctx context.Context, outTradeNo string) (alipay.Trade, error)
	}
	Merchant alipay.Merchant
	Record   func(ctx context.Context, q pg.Querier, evs ...event.Event) error
	Announce func(ctx context.Context, evs ...event.Event)
	Trail    Trail
	Alarm    Alarm

	CloseGrace, BusyMargin time.Duration
}

// Notified applies the notices that the events name. A store that is away fails
// the call, to be made again; any other failure is one event's own.
func (h *Handler) Notified(ctx context.Context, batch []event.Event) ([]fn.Failed, error) {
	var failed []fn.Failed
	for _, e := range batch {
		var d payment.NotifiedData
		if err := e.Decode(&d); err != nil || d.InboxID < 1 {
			failed = append(failed, fn.FailedFrom(e.ID, fault.New(fault.Invalid, "invalid_event", "The event names no notice.").Because(err)))
			continue
		}
		err := h.apply(fn.EventContext(ctx, e), d.InboxID)
		switch {
		case fault.KindOf(err) == fault.Unavailable:
			return nil, err
		case err != nil:
			failed = append(failed, fn.FailedFrom(e.ID, err))
		}
	}
	return failed, nil
}

// Tick is the sweep: what the events forgot, what became due. A part that
// fails does not keep the others from running.
func (h *Handler) Tick(ctx context.Context, _ []event.Event) ([]fn.Failed, error) {
	return nil, errors.Join(h.expire(ctx), h.closeDue(ctx), h.applyDue(ctx))
}

// commit runs f in a transaction that puts the events of f into the outbox, and
// announces them afterwards.
func (h *Handler) commit(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) ([]event.Event, error)) error {
	var emitted []event.Event
	err := h.Store.InTx(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		if emitted, err = f(ctx, tx); err != nil {
			return err
		}
		err = h.Record(ctx, tx, emitted...)
		if len(emitted) > 0 {
			crash.Point("settle-order", "commit")
		}
		return err
	})
	if err != nil {
		return err
	}
	if len(emitted) > 0 {
		crash.Point("settle-order", "committed")
	}
	h.Trail.Tell(ctx, emitted)
	h.Announce(ctx, emitted...)
	return nil
}

// demands is the stock that the orders hold.
func demands(orders ...*order.Order) []stock.Demand {
	out := make([]stock.Demand, len(orders))
	for i, o := range orders {
		out[i].Reference = o.ID
		for _, l := range o.Lines {
			out[i].Lines = append(out[i].Lines, stock.Line{SKU: l.SKU, Quantity: l.Quantity})
		}
	}
	return out
}
