package main

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/crash"
	"bazaar/shared/fault"
	"bazaar/shared/idem"
	"bazaar/shared/order"
	"bazaar/shared/payment"
	"bazaar/shared/payment/alipay"
)

// openRounds is how often an attempt is tried to be opened beside others that
// do the same.
const openRounds = 3

// start opens an attempt, or takes up the one that is open, and asks the
// provider for its code. No transaction and no connection is held meanwhile.
func (h *Handler) start(ctx context.Context, d payment.Draft) (payment.Payment, error) {
	d.Busy = lease
	if deadline, ok := ctx.Deadline(); ok {
		d.Busy = time.Until(deadline)
	}
	p, terms, err := h.open(ctx, d)
	if err != nil || !p.Open() {
		return p, err
	}
	if p.QRCode == "" {
		if err := h.code(ctx, p, terms); err != nil {
			return p, err
		}
	}
	// The order may have been cancelled while the provider was asked. The
	// attempt stays open then: closing the order settles it with the provider.
	err = h.Store.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := h.Orders.Payable(ctx, tx, d.OrderID, d.UserID)
		return err
	})
	switch {
	case fault.KindOf(err) == fault.Conflict:
		return p, idem.Final(err)
	case err != nil:
		return p, idem.Keep(err)
	}
	if p, err = h.Payments.ByID(ctx, h.Store, p.ID); err != nil {
		return p, idem.Keep(err)
	}
	return p, nil
}

// open gives the attempt that the caller is to pay: d's own, or the order's
// other one that is open already and that the provider does not say is closed.
func (h *Handler) open(ctx context.Context, d payment.Draft) (payment.Payment, order.Payable, error) {
	for range openRounds {
		p, terms, err := h.insert(ctx, d)
		if !errors.Is(err, payment.ErrOpen) {
			return p, terms, err
		}
		other, err := h.Payments.Latest(ctx, h.Store, d.OrderID)
		if err != nil {
			return p, terms, err
		}
		if other == nil || !other.Open() {
			continue
		}
		if h.over(ctx, *other) {
			if err := h.Payments.Closed(ctx, h.Store, other.ID); err != nil && !errors.Is(err, payment.ErrGuarded) {
				return p, terms, err
			}
			continue
		}
		theirs := d
		theirs.ID = other.ID
		if p, terms, err = h.insert(ctx, theirs); err != nil || p.Open() {
			return p, terms, err
		}
	}
	return payment.Payment{}, order.Payable{}, later("Another payment of this order is being started.")
}

// insert writes d while its order is locked as payable.
func (h *Handler) insert(ctx context.Context, d payment.Draft) (p payment.Payment, terms order.Payable, err error) {
	err = h.Store.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if terms, err = h.Orders.Payable(ctx, tx, d.OrderID, d.UserID); err != nil {
			return err
		}
		if terms.Currency != alipay.Currency {
			return fault.New(fault.Invalid, "currency_mismatch", "Orders in %s cannot be paid with %s.", terms.Currency, d.Provider)
		}
		if terms.Amount > alipay.MaxFen {
			return fault.New(fault.Conflict, "order_not_payable", "%s takes at most %d minor units.", d.Provider, int64(alipay.MaxFen))
		}
		d.Amount, d.Currency = terms.Amount, terms.Currency
		p, err = h.Payments.Open(ctx, tx, d)
		return err
	})
	if fault.KindOf(err) == fault.NotFound {
		err = h.queued(ctx, d, err)
	}
	if errors.Is(err, payment.ErrTaken) {
		err = fault.New(fault.Mismatch, "idempotency_key_reused", "This Idempotency-Key was used for another order.")
	}
	return p, terms, err
}

// queued says of an order that the store does not have whether it is the
// caller's and still in the queue; else the answer is missing.
func (h *Handler) queued(ctx context.Context, d payment.Draft, missing error) error {
	accepted, found, err := order.Accepted(ctx, h.Accepted, d.OrderID)
	switch {
	case err != nil:
		return err
	case found && accepted.OrderID == "":
		return later("The order is just being stored.")
	case found && accepted.UserID == d.UserID:
		return fault.New(fault.Conflict, "order_not_payable", "The order is still in the queue.").After(time.Second)
	}
	return missing
}

// over reports whether the provider says that p will never be paid. Where it
// says nothing, p is taken for open: its code may be in the buyer's hand.
func (h *Handler) over(ctx context.Context, p payment.Payment) bool {
	trade, err := h.Provider.Query(ctx, p.OutTradeNo)
	if err != nil && !alipay.IsRefused(err, alipay.TradeNotExist) {
		h.Log.WarnContext(ctx, "the provider does not tell about a payment", "payment_id", p.ID, "error", err)
	}
	return err == nil && trade.Unpaid()
}

// code asks for the code of p and keeps it. Every failure leaves the attempt
// open and the key with it: the retry asks again with the same number.
func (h *Handler) code(ctx context.Context, p payment.Payment, terms order.Payable) error {
	qr, err := h.Provider.Precreate(ctx, alipay.Order{
		OutTradeNo: p.OutTradeNo, Fen: p.Amount, Expires: terms.ExpiresAt,
		Subject: "Bazaar order " + p.OrderID[:8], // the same on every retry, and nothing that a user has written
	})
	switch {
	case errors.Is(err, alipay.ErrUnknown):
		return idem.Keep(later("The payment provider does not answer.").Because(err))
	case alipay.IsRefused(err, alipay.TradeHasSuccess):
		return idem.Keep(later("The payment has been made and is being taken in.").Because(err))
	case alipay.IsRefused(err, alipay.TradeHasClose):
		if err := h.Payments.Closed(ctx, h.Store, p.ID); err != nil && !errors.Is(err, payment.ErrGuarded) {
			return idem.Keep(err)
		}
		return idem.Keep(later("The payment was cancelled at the provider.").Because(err))
	case err != nil:
		return idem.Keep(err)
	}
	crash.Point("create-payment", "asked")
	// The code is the page's address: a phone scans it, a browser opens it.
	if err := h.Payments.Started(ctx, h.Store, p.ID, qr, qr); err != nil {
		return idem.Keep(err)
	}
	return nil
}

// later asks the caller to try again with the same key.
func later(sentence string) *fault.Error {
	return fault.New(fault.Unavailable, "unavailable", "%s", sentence).After(time.Second)
}
