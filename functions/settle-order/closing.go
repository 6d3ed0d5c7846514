package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"bazaar/shared/event"
	"bazaar/shared/order"
	"bazaar/shared/payment"
	"bazaar/shared/payment/alipay"
	"bazaar/shared/pg"
)

const (
	// expired is the reason of an order that was not paid in time.
	expired = "expired"
	// expireLimit is how many orders one transaction lets expire.
	expireLimit = 200
	// closeLimit is how many closing orders one sweep asks about, and askers
	// how many at a time.
	closeLimit, askers = 40, 4
	// askLease keeps other sweeps from asking about the same order.
	askLease = 30 * time.Second
	// askAgain is the first pause before asking again; it doubles up to askAtMost.
	askAgain, askAtMost = 5 * time.Second, time.Minute
)

// expire moves what is unpaid past its time into closing, and on to closed
// where no payment is open.
func (h *Handler) expire(ctx context.Context) error {
	for {
		var found int
		err := h.commit(ctx, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
			due, err := h.Orders.Expiring(ctx, tx, expireLimit)
			if found = len(due); err != nil || found == 0 {
				return nil, err
			}
			if _, err := h.Orders.Move(ctx, tx, order.Expire, order.Change{Actor: actor, Reason: expired}, due...); err != nil {
				return nil, err
			}
			free, err := h.unpledged(ctx, tx, due)
			if err != nil {
				return nil, err
			}
			return h.conclude(ctx, tx, free...)
		})
		if err != nil || found < expireLimit {
			return err
		}
	}
}

// unpledged keeps the orders that no open payment is for.
func (h *Handler) unpledged(ctx context.Context, q pg.Querier, orders []*order.Order) ([]*order.Order, error) {
	ids := make([]string, len(orders))
	for i, o := range orders {
		ids[i] = o.ID
	}
	payments, err := h.Payments.LatestOf(ctx, q, ids)
	if err != nil {
		return nil, err
	}
	var free []*order.Order
	for _, o := range orders {
		if payments[o.ID].Status != payment.Wait {
			free = append(free, o)
		}
	}
	return free, nil
}

// conclude closes locked orders that are closing and gives their stock back.
func (h *Handler) conclude(ctx context.Context, tx pgx.Tx, orders ...*order.Order) ([]event.Event, error) {
	if len(orders) == 0 {
		return nil, nil
	}
	for _, o := range orders {
		defer h.Trail.Follow(ctx, o)()
	}
	emitted, err := h.Orders.Move(ctx, tx, order.Conclude, order.Change{Actor: actor}, orders...)
	if err != nil {
		return nil, err
	}
	return emitted, h.Stock.Release(ctx, tx, demands(orders...))
}

// closeDue asks the provider about the closing orders that are due. They are
// put off first, so that no transaction is open while we ask, and so that an
// order is asked about again when we die in between.
func (h *Handler) closeDue(ctx context.Context) error {
	var due []*order.Order
	var payments map[string]payment.Payment
	err := h.Store.InTx(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		if due, err = h.Orders.ClosingDue(ctx, tx, closeLimit); err != nil || len(due) == 0 {
			return err
		}
		ids := make([]string, len(due))
		for i, o := range due {
			ids[i] = o.ID
			if err := h.Orders.PutOff(ctx, tx, o, askLease, time.Time{}); err != nil {
				return err
			}
		}
		payments, err = h.Payments.LatestOf(ctx, tx, ids)
		return err
	})
	if err != nil || len(due) == 0 {
		return err
	}
	now, err := pg.Now(ctx, h.Store)
	if err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(askers)
	for _, o := range due {
		group.Go(func() error { return h.closeOne(ctx, now, o, payments[o.ID]) })
	}
	return group.Wait()
}

// closeOne brings one closing order to its end, if the provider lets it.
func (h *Handler) closeOne(ctx context.Context, now time.Time, o *order.Order, p payment.Payment) error {
	if p.Status != payment.Wait {
		return h.finish(ctx, o.ID, "")
	}
	if quiet := p.BusyUntil.Add(h.BusyMargin); now.Before(quiet) {
		return h.Orders.PutOff(ctx, h.Store, o, quiet.Sub(now), time.Time{}) // somebody may be starting it
	}
	trade, err := h.Provider.Query(ctx, p.OutTradeNo)
	unknown := alipay.IsRefused(err, alipay.TradeNotExist)
	switch {
	case err == nil && trade.Status == alipay.WaitBuyerPay, unknown:
		if now.Before(o.ExpiresAt.Add(h.CloseGrace)) {
			return h.wait(ctx, o) // it can still be paid
		}
		return h.finish(ctx, o.ID, p.ID)
	case err == nil && trade.Unpaid():
		return h.finish(ctx, o.ID, p.ID)
	case err == nil:
		return h.paid(ctx, trade)
	}
	h.Alarm.Deaf(ctx, p, err)
	return h.wait(ctx, o)
}

// wait puts the order off, the longer the more often it was, but not past the
// moment when it may be closed.
func (h *Handler) wait(ctx context.Context, o *order.Order) error {
	pause := min(askAgain<<min(o.Tries, 8), askAtMost)
	return h.Orders.PutOff(ctx, h.Store, o, pause, o.ExpiresAt.Add(h.CloseGrace))
}

// paid treats what the provider answered like a notification from it.
func (h *Handler) paid(ctx context.Context, t alipay.Trade) error {
	id, _, err := h.Payments.Notify(ctx, h.Store, payment.FromTrade(t, h.Merchant))
	if err != nil {
		return err
	}
	return h.apply(ctx, id)
}

// finish closes an order whose payment, if it has one, the provider says is not
// paid. A notification may have come meanwhile: then there is nothing to do.
func (h *Handler) finish(ctx context.Context, orderID, paymentID string) error {
	return h.commit(ctx, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		o, err := h.Orders.LockOne(ctx, tx, orderID)
		if err != nil || o.State != order.StateClosing {
			return nil, err
		}
		if paymentID != "" {
			if err := h.Payments.Closed(ctx, tx, paymentID); err != nil {
				return nil, err
			}
		}
		return h.conclude(ctx, tx, o)
	})
}
