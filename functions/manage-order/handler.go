package main

import (
	"context"
	"time"
	"unicode"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/auth"
	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/fn"
	"bazaar/shared/order"
	"bazaar/shared/payment"
	"bazaar/shared/pg"
	"bazaar/shared/stock"
)

// cancelled is the reason of an order that somebody cancelled.
const cancelled = "cancelled"

// Handler holds the steps.
type Handler struct {
	Store interface {
		pg.Querier
		InTx(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) error) error
	}
	Orders interface {
		LockOne(ctx context.Context, tx pgx.Tx, id string) (*order.Order, error)
		Move(ctx context.Context, tx pgx.Tx, v order.Verb, c order.Change, orders ...*order.Order) ([]event.Event, error)
		Views(ctx context.Context, q pg.Querier, ids []string) (map[string]order.View, error)
		List(ctx context.Context, q pg.Querier, p order.Page) ([]order.View, string, error)
	}
	Stock interface {
		Release(ctx context.Context, tx pgx.Tx, demands []stock.Demand) error
	}
	Payments interface {
		LatestOf(ctx context.Context, q pg.Querier, orderIDs []string) (map[string]payment.Payment, error)
	}
	Accepted order.Memory
	Record   func(ctx context.Context, q pg.Querier, evs ...event.Event) error
	Announce func(ctx context.Context, evs ...event.Event)
}

// permission says whether a caller may do something with an order.
type permission func(caller auth.Claims, v order.View) bool

func buyer(caller auth.Claims, v order.View) bool { return v.BelongsTo(caller.Subject) }

func mine(caller auth.Claims, v order.View) bool {
	return buyer(caller, v) || caller.Has(auth.RoleAdmin)
}

// anyone is for routes whose door has asked for a role.
func anyone(auth.Claims, order.View) bool { return true }

// Show answers one order; one that is accepted and not yet stored is placed.
func (h *Handler) Show(ctx context.Context, c fn.Call, _ fn.None) (fn.Reply, error) {
	v, err := h.find(ctx, c.Params["order"])
	if err != nil {
		return fn.Reply{}, err
	}
	if !mine(c.Caller, v) {
		return fn.Reply{}, order.NotFound()
	}
	return fn.Reply{Status: 200, Body: v}, nil
}

// find reads an order from the store, or else its draft from the queue's record.
func (h *Handler) find(ctx context.Context, id string) (order.View, error) {
	if !order.IsID(id) {
		return order.View{}, order.NotFound()
	}
	found, err := h.complete(ctx, id)
	if err != nil {
		return order.View{}, err
	}
	if v, ok := found[id]; ok {
		return v, nil
	}
	return h.placed(ctx, id)
}

// placed gives an order that was accepted and that the store did not have.
func (h *Handler) placed(ctx context.Context, id string) (order.View, error) {
	d, found, err := order.Accepted(ctx, h.Accepted, id)
	switch {
	case err != nil:
		return order.View{}, err
	case !found:
		return order.View{}, order.NotFound()
	case d.OrderID != "":
		return order.PlacedView(d), nil
	}
	views, err := h.complete(ctx, id)
	if v, ok := views[id]; ok || err != nil {
		return v, err
	}
	return order.View{}, order.NotFound()
}

// complete reads orders with their payments.
func (h *Handler) complete(ctx context.Context, ids ...string) (map[string]order.View, error) {
	found, err := h.Orders.Views(ctx, h.Store, ids)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	payments, err := h.Payments.LatestOf(ctx, h.Store, ids)
	if err != nil {
		return nil, err
	}
	for id, p := range payments {
		if v, ok := found[id]; ok {
			v.Payment = p.View()
			found[id] = v
		}
	}
	return found, nil
}

// List answers a page of the caller's orders; an admin sees everybody's.
func (h *Handler) List(ctx context.Context, c fn.Call, _ fn.None) (fn.Reply, error) {
	limit, err := c.Limit()
	if err != nil {
		return fn.Reply{}, err
	}
	p := order.Page{UserID: c.Caller.Subject, Limit: limit, After: c.Query.Get("after")}
	if c.Caller.Has(auth.RoleAdmin) {
		p.UserID = c.Query.Get("user")
	}
	views, next, err := h.Orders.List(ctx, h.Store, p)
	if err != nil {
		return fn.Reply{}, err
	}
	ids := make([]string, len(views))
	for i, v := range views {
		ids[i] = v.OrderID
	}
	payments, err := h.Payments.LatestOf(ctx, h.Store, ids)
	if err != nil {
		return fn.Reply{}, err
	}
	for i := range views {
		if p, ok := payments[views[i].OrderID]; ok {
			views[i].Payment = p.View()
		}
	}
	return fn.Reply{Status: 200, Body: fn.Page{Items: views, Next: next}}, nil
}

// Cancel closes an order, or begins to: while a payment is open, the provider
// must say first that it is not paid. Cancelling again changes nothing.
func (h *Handler) Cancel(ctx context.Context, c fn.Call, _ fn.None) (fn.Reply, error) {
	return h.change(ctx, c, mine, func(ctx context.Context, tx pgx.Tx, o *order.Order) ([]event.Event, error) {
		if o.Reason == cancelled && (o.State == order.StateClosing || o.State == order.StateClosed) {
			return nil, nil
		}
		change := order.Change{Actor: c.Caller.Subject, Reason: cancelled}
		emitted, err := h.Orders.Move(ctx, tx, order.Cancel, change, o)
		if err != nil {
			return nil, err
		}
		payments, err := h.Payments.LatestOf(ctx, tx, []string{o.ID})
		if err != nil || payments[o.ID].Status == payment.Wait {
			return emitted, err
		}
		closed, err := h.Orders.Move(ctx, tx, order.Conclude, change, o)
		if err != nil {
			return nil, err
		}
		return append(emitted, closed...), h.Stock.Release(ctx, tx, []stock.Demand{demand(o)})
	})
}

// demand is the stock that an order holds.
func demand(o *order.Order) stock.Demand {
	d := stock.Demand{Reference: o.ID}
	for _, l := range o.Lines {
		d.Lines = append(d.Lines, stock.Line{SKU: l.SKU, Quantity: l.Quantity})
	}
	return d
}

// Parcel is what a shipped order travels by.
type Parcel struct {
	Carrier  string `json:"carrier"`
	Tracking string `json:"tracking"`
}

func (p Parcel) validate() error {
	for field, text := range map[string]string{"carrier": p.Carrier, "tracking": p.Tracking} {
		if text == "" || len(text) > 100 || !printable(text) {
			return fault.New(fault.Invalid, "invalid_body", "The %s is 1 to 100 bytes of printable text.", field).At(field)
		}
	}
	return nil
}

func printable(text string) bool {
	for _, r := range text {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

// Ship hands a paid order to a carrier.
func (h *Handler) Ship(ctx context.Context, c fn.Call, p Parcel) (fn.Reply, error) {
	if err := p.validate(); err != nil {
		return fn.Reply{}, err
	}
	return h.change(ctx, c, anyone, func(ctx context.Context, tx pgx.Tx, o *order.Order) ([]event.Event, error) {
		change := order.Change{Actor: c.Caller.Subject, Carrier: p.Carrier, Tracking: p.Tracking}
		return h.Orders.Move(ctx, tx, order.Ship, change, o)
	})
}

// Receive completes a shipped order: its buyer has it.
func (h *Handler) Receive(ctx context.Context, c fn.Call, _ fn.None) (fn.Reply, error) {
	return h.change(ctx, c, buyer, func(ctx context.Context, tx pgx.Tx, o *order.Order) ([]event.Event, error) {
		return h.Orders.Move(ctx, tx, order.Receive, order.Change{Actor: c.Caller.Subject}, o)
	})
}

// transition is what a step does to an order under its lock.
type transition func(context.Context, pgx.Tx, *order.Order) ([]event.Event, error)

// change runs a transition and answers the order as it is then. For a caller
// who may not, there is no such order.
func (h *Handler) change(ctx context.Context, c fn.Call, may permission, move transition) (fn.Reply, error) {
	before, err := h.find(ctx, c.Params["order"])
	if err != nil {
		return fn.Reply{}, err
	}
	if !may(c.Caller, before) {
		return fn.Reply{}, order.NotFound()
	}
	if before.Status == order.StatePlaced {
		return fn.Reply{}, fault.New(fault.Conflict, "order_pending", "The order is still in the queue.").After(time.Second)
	}
	var emitted []event.Event
	err = h.Store.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		o, err := h.Orders.LockOne(ctx, tx, before.OrderID)
		if err != nil {
			return err
		}
		if emitted, err = move(ctx, tx, o); err != nil {
			return err
		}
		return h.Record(ctx, tx, emitted...)
	})
	if err != nil {
		return fn.Reply{}, err
	}
	h.Announce(ctx, emitted...)
	after, err := h.complete(ctx, before.OrderID)
	if err != nil {
		return fn.Reply{}, err
	}
	return fn.Reply{Status: 200, Body: after[before.OrderID]}, nil
}
