package main

import (
	"context"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/order"
	"bazaar/shared/payment"
	"bazaar/shared/telemetry"
)

const (
	// applyLimit is how many waiting notices one sweep takes up.
	applyLimit = 100
	// unmatchedTries is when a notice that matches nothing is given up: with
	// a minute between tries, after about a day.
	unmatchedTries = 1440
)

// applyDue applies the notices that wait, whose event was lost or came too early.
func (h *Handler) applyDue(ctx context.Context) error {
	var due []payment.Notice
	err := h.Store.InTx(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		due, err = h.Payments.ClaimDue(ctx, tx, applyLimit)
		return err
	})
	for _, n := range due {
		if err != nil {
			return err
		}
		err = h.apply(telemetry.WithTraceParent(ctx, n.TraceParent), n.ID)
	}
	return err
}

// apply decides one notice under the locks of its order and payment. A notice
// that is done, or in other hands, is left alone.
func (h *Handler) apply(ctx context.Context, id int64) error {
	var n payment.Notice
	var v payment.Verdict
	err := h.commit(ctx, func(ctx context.Context, tx pgx.Tx) (emitted []event.Event, err error) {
		v = payment.Verdict{}
		claimed, err := h.Payments.Claim(ctx, tx, []int64{id})
		if err != nil || len(claimed) == 0 {
			return nil, err
		}
		n = claimed[0]
		v, emitted, err = h.decide(ctx, tx, n)
		return emitted, err
	})
	if err == nil && (v.Outcome == payment.MustReject || v.Outcome == payment.MustRefund) {
		h.Alarm.Raise(ctx, n, v)
	}
	return err
}

func (h *Handler) decide(ctx context.Context, tx pgx.Tx, n payment.Notice) (payment.Verdict, []event.Event, error) {
	o, p, err := h.lock(ctx, tx, n.OutTradeNo)
	if fault.KindOf(err) == fault.NotFound {
		return h.unmatched(ctx, tx, n)
	}
	if err != nil {
		return payment.Verdict{}, nil, err
	}
	v := payment.Judge(n, p, h.Merchant)
	if v.Outcome == payment.MustPay && !o.State.Holds() {
		v = payment.Verdict{Outcome: payment.MustRefund, Reason: "the order is " + string(o.State)}
	}
	switch v.Outcome {
	case payment.MustPay:
		emitted, err := h.pay(ctx, tx, n, o, p)
		return v, emitted, err
	case payment.MustIgnore:
		return v, nil, h.Payments.Conclude(ctx, tx, n.ID, payment.Ignored, v.Reason)
	case payment.MustRefund:
		return v, nil, h.Payments.Conclude(ctx, tx, n.ID, payment.Late, v.Reason)
	}
	return v, nil, h.Payments.Conclude(ctx, tx, n.ID, payment.Rejected, v.Reason)
}

// lock locks the order of a trade, then its payment: the order in which
// everybody locks them. A fault not_found says that one of them is not there.
func (h *Handler) lock(ctx context.Context, tx pgx.Tx, outTradeNo string) (*order.Order, payment.Payment, error) {
	known, err := h.Payments.OfTrades(ctx, tx, []string{outTradeNo})
	if err != nil {
		return nil, payment.Payment{}, err
	}
	p, ok := known[outTradeNo]
	if !ok {
		return nil, p, payment.NotFound()
	}
	o, err := h.Orders.LockOne(ctx, tx, p.OrderID)
	if err != nil {
		return nil, p, err
	}
	p, err = h.Payments.ByTrade(ctx, tx, outTradeNo)
	return o, p, err
}

// unmatched keeps a notice for later: the order may still be in the queue.
func (h *Handler) unmatched(ctx context.Context, tx pgx.Tx, n payment.Notice) (payment.Verdict, []event.Event, error) {
	const reason = "no payment of ours has this number"
	if n.Tries < unmatchedTries {
		return payment.Verdict{}, nil, h.Payments.Postpone(ctx, tx, n.ID, reason)
	}
	v := payment.Verdict{Outcome: payment.MustReject, Reason: reason}
	return v, nil, h.Payments.Conclude(ctx, tx, n.ID, payment.Rejected, reason)
}

// pay makes the order paid, its stock sold and the notice applied.
func (h *Handler) pay(ctx context.Context, tx pgx.Tx, n payment.Notice, o *order.Order, p payment.Payment) ([]event.Event, error) {
	defer h.Trail.Follow(ctx, o)()
	if err := h.Payments.Succeed(ctx, tx, p.ID, n.TradeNo); err != nil {
		return nil, err
	}
	emitted, err := h.Orders.Move(ctx, tx, order.Pay, order.Change{Actor: actor, Note: p.OutTradeNo}, o)
	if err != nil {
		return nil, err
	}
	if err := h.Stock.Confirm(ctx, tx, demands(o)); err != nil {
		return nil, err
	}
	return emitted, h.Payments.Conclude(ctx, tx, n.ID, payment.Applied, "")
}
