package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/crash"
	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/fn"
	"bazaar/shared/order"
	"bazaar/shared/pg"
	"bazaar/shared/stock"
	"bazaar/shared/telemetry"
)

// soldOut is the reason of an order whose stock could not be had.
const soldOut = "sold_out"

// Handler is the step.
type Handler struct {
	Transactions interface {
		InTx(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) error) error
	}
	Orders interface {
		Take(ctx context.Context, tx pgx.Tx, drafts []order.Draft, payWithin time.Duration) ([]order.Draft, error)
		Decide(ctx context.Context, tx pgx.Tx, verdicts []order.Verdict) ([]event.Event, error)
	}
	Stock interface {
		Reserve(ctx context.Context, tx pgx.Tx, demands []stock.Demand) ([]stock.Verdict, error)
	}
	// Record puts events into the outbox, Announce publishes them after the commit.
	Record    func(ctx context.Context, q pg.Querier, evs ...event.Event) error
	Announce  func(ctx context.Context, evs ...event.Event)
	PayWithin time.Duration
}

// Reserve decides every order of the batch. An event that is no order fails
// alone; an order that is known already is done already.
func (h *Handler) Reserve(ctx context.Context, batch []event.Event) ([]fn.Failed, error) {
	drafts, failed := read(ctx, batch)
	if len(drafts) == 0 {
		return failed, nil
	}
	var emitted []event.Event
	err := h.Transactions.InTx(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		emitted, err = h.decide(ctx, tx, drafts)
		return err
	})
	if err != nil {
		return nil, err
	}
	crash.Point("reserve-stock", "committed")
	h.Announce(ctx, emitted...)
	return failed, nil
}

// read takes the drafts out of the events, each order once.
func read(ctx context.Context, batch []event.Event) (drafts []order.Draft, failed []fn.Failed) {
	seen := make(map[string]bool, len(batch))
	for _, e := range batch {
		crash.Poison(e.ID, "reserve-stock", "event")
		d, err := order.DraftOf(e)
		switch {
		case err != nil:
			failed = append(failed, fn.FailedFrom(e.ID, invalid(err)))
		case !seen[d.OrderID]:
			seen[d.OrderID] = true
			d.TraceParent = telemetry.TraceParent(fn.EventContext(ctx, e))
			drafts = append(drafts, d)
		}
	}
	return drafts, failed
}

// invalid makes what could not be decoded the event's own fault: no retry mends it.
func invalid(err error) error {
	if fault.KindOf(err) == fault.Invalid {
		return err
	}
	return fault.New(fault.Invalid, "invalid_order", "The event's data is not an order.").Because(err)
}

func (h *Handler) decide(ctx context.Context, tx pgx.Tx, drafts []order.Draft) ([]event.Event, error) {
	fresh, err := h.Orders.Take(ctx, tx, drafts, h.PayWithin)
	if err != nil || len(fresh) == 0 {
		return nil, err
	}
	granted, err := h.Stock.Reserve(ctx, tx, demands(fresh))
	if err != nil {
		return nil, err
	}
	verdicts := make([]order.Verdict, len(fresh))
	for i, d := range fresh {
		verdicts[i] = order.Verdict{Draft: d}
		if !granted[i].Granted {
			verdicts[i].Reason, verdicts[i].Note = soldOut, granted[i].Lacking
		}
	}
	emitted, err := h.Orders.Decide(ctx, tx, verdicts)
	if err != nil {
		return nil, err
	}
	err = h.Record(ctx, tx, emitted...)
	crash.Point("reserve-stock", "commit")
	return emitted, err
}

// demands are what the orders want of the stock, in the orders' order.
func demands(drafts []order.Draft) []stock.Demand {
	out := make([]stock.Demand, len(drafts))
	for i, d := range drafts {
		out[i].Reference = d.OrderID
		for _, l := range d.Lines {
			out[i].Lines = append(out[i].Lines, stock.Line{SKU: l.SKU, Quantity: l.Quantity})
		}
	}
	return out
}
