package main

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/auth"
	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/fn"
	"bazaar/shared/idem"
	"bazaar/shared/order"
	"bazaar/shared/payment"
	"bazaar/shared/pg"
	"bazaar/shared/stock"
)

const (
	storedID = "0b6f5a0e-6d5c-5a55-8f3e-6a2f9a3d6c11"
	queuedID = "7d444840-9dc0-11d1-b245-5ffdce74fad2"
)

// desk is one stored order of alice, and one of hers that is in the queue.
type desk struct {
	pg.Querier
	order    *order.Order
	payment  map[string]payment.Payment
	unsure   error
	page     order.Page
	change   order.Change
	moves    []order.Verb
	released int
	recorded int
}

func newDesk(state order.State) *desk {
	return &desk{order: &order.Order{
		ID: storedID, UserID: "alice", State: state, Version: 1, Currency: "CNY", Amount: 500,
		Lines: []order.Line{{SKU: "a", Quantity: 2, Amount: 250}},
	}}
}

func (d *desk) InTx(ctx context.Context, f func(context.Context, pgx.Tx) error) error {
	return f(ctx, nil)
}

func (d *desk) LockOne(context.Context, pgx.Tx, string) (*order.Order, error) { return d.order, nil }

func (d *desk) Move(_ context.Context, _ pgx.Tx, v order.Verb, c order.Change, orders ...*order.Order) ([]event.Event, error) {
	t, err := order.Find(orders[0].State, v)
	if err != nil {
		return nil, err
	}
	d.moves, d.change = append(d.moves, v), c
	orders[0].State, orders[0].Reason = t.To, c.Reason
	if t.Emit == "" {
		return nil, nil
	}
	return []event.Event{{Type: t.Emit}}, nil
}

func (d *desk) Views(_ context.Context, _ pg.Querier, ids []string) (map[string]order.View, error) {
	if ids[0] != storedID {
		return nil, nil
	}
	v := order.PlacedView(order.Draft{OrderID: storedID, UserID: d.order.UserID})
	v.Status = d.order.State
	return map[string]order.View{storedID: v}, nil
}

func (d *desk) List(_ context.Context, _ pg.Querier, p order.Page) ([]order.View, string, error) {
	d.page = p
	return []order.View{}, "", nil
}

func (d *desk) Release(_ context.Context, _ pgx.Tx, demands []stock.Demand) error {
	d.released += int(demands[0].Lines[0].Quantity)
	return nil
}

func (d *desk) LatestOf(context.Context, pg.Querier, []string) (map[string]payment.Payment, error) {
	return d.payment, nil
}

func (d *desk) Find(_ context.Context, id string) (idem.Record, bool, error) {
	if id != queuedID {
		return idem.Record{}, false, d.unsure
	}
	draft, err := json.Marshal(order.Draft{OrderID: queuedID, UserID: "alice"})
	return idem.Record{Progress: draft}, true, err
}

func (d *desk) handler() *Handler {
	return &Handler{
		Store: d, Orders: d, Stock: d, Payments: d, Accepted: d,
		Record: func(_ context.Context, _ pg.Querier, evs ...event.Event) error {
			d.recorded += len(evs)
			return nil
		},
		Announce: func(context.Context, ...event.Event) {},
	}
}

func by(user, id string, roles ...string) fn.Call {
	return fn.Call{Caller: auth.Claims{Subject: user, Roles: roles}, Params: map[string]string{"order": id}}
}

func TestWhoMaySeeAndDoWhat(t *testing.T) {
	type step func(*Handler) (fn.Reply, error)
	show := func(c fn.Call) step {
		return func(h *Handler) (fn.Reply, error) { return h.Show(t.Context(), c, fn.None{}) }
	}
	cancel := func(c fn.Call) step {
		return func(h *Handler) (fn.Reply, error) { return h.Cancel(t.Context(), c, fn.None{}) }
	}
	ship := func(c fn.Call, p Parcel) step {
		return func(h *Handler) (fn.Reply, error) { return h.Ship(t.Context(), c, p) }
	}
	receive := func(c fn.Call) step {
		return func(h *Handler) (fn.Reply, error) { return h.Receive(t.Context(), c, fn.None{}) }
	}
	parcel := Parcel{"SF", "1"}
	for name, c := range map[string]struct {
		from order.State
		do   step
		code string
	}{
		"its buyer sees it":                    {order.StateReserved, show(by("alice", storedID)), ""},
		"an admin sees it":                     {order.StateReserved, show(by("admin", storedID, auth.RoleAdmin)), ""},
		"another does not":                     {order.StateReserved, show(by("bob", storedID)), "not_found"},
		"the warehouse does not":               {order.StateReserved, show(by("w", storedID, auth.RoleWarehouse)), "not_found"},
		"its buyer sees it in the queue":       {order.StateReserved, show(by("alice", queuedID)), ""},
		"another does not see it there":        {order.StateReserved, show(by("bob", queuedID)), "not_found"},
		"what is no id is not there":           {order.StateReserved, show(by("alice", "x")), "not_found"},
		"its buyer cancels it":                 {order.StateReserved, cancel(by("alice", storedID)), ""},
		"an admin cancels it":                  {order.StateReserved, cancel(by("admin", storedID, auth.RoleAdmin)), ""},
		"another does not cancel it":           {order.StateReserved, cancel(by("bob", storedID)), "not_found"},
		"the warehouse does not cancel it":     {order.StateReserved, cancel(by("w", storedID, auth.RoleWarehouse)), "not_found"},
		"it is not cancelled in the queue":     {order.StateReserved, cancel(by("alice", queuedID)), "order_pending"},
		"nobody cancels what is paid":          {order.StatePaid, cancel(by("alice", storedID)), "invalid_transition"},
		"the warehouse ships what is paid":     {order.StatePaid, ship(by("w", storedID, auth.RoleWarehouse), parcel), ""},
		"nobody ships what is not":             {order.StateReserved, ship(by("w", storedID, auth.RoleWarehouse), parcel), "invalid_transition"},
		"nothing is shipped without carrier":   {order.StatePaid, ship(by("w", storedID, auth.RoleWarehouse), Parcel{"", "1"}), "invalid_body"},
		"nothing is shipped with a newline":    {order.StatePaid, ship(by("w", storedID, auth.RoleWarehouse), Parcel{"SF", "1\n"}), "invalid_body"},
		"its buyer receives it":                {order.StateShipped, receive(by("alice", storedID)), ""},
		"an admin does not receive it":         {order.StateShipped, receive(by("admin", storedID, auth.RoleAdmin)), "not_found"},
		"nobody receives what was not shipped": {order.StatePaid, receive(by("alice", storedID)), "invalid_transition"},
	} {
		_, err := c.do(newDesk(c.from).handler())
		if c.code == "" && err != nil || c.code != "" && !fault.Is(err, c.code) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCancelGivesTheStockBackUnlessAPaymentIsOpen(t *testing.T) {
	open := map[string]payment.Payment{storedID: {Status: payment.Wait}}
	closed := map[string]payment.Payment{storedID: {Status: payment.Closed}}
	for name, c := range map[string]struct {
		payments map[string]payment.Payment
		state    order.State
		released int
		recorded int
	}{
		"no payment":       {nil, order.StateClosed, 2, 1},
		"a closed payment": {closed, order.StateClosed, 2, 1},
		"an open payment":  {open, order.StateClosing, 0, 0},
	} {
		d := newDesk(order.StateReserved)
		d.payment = c.payments
		for range 2 { // the second changes nothing
			if _, err := d.handler().Cancel(t.Context(), by("alice", storedID), fn.None{}); err != nil {
				t.Fatal(err)
			}
		}
		if d.order.State != c.state || d.released != c.released || d.recorded != c.recorded {
			t.Errorf("%s: %s, %d released, %d recorded", name, d.order.State, d.released, d.recorded)
		}
	}
}

func TestAnExpiredOrderIsNotCancelled(t *testing.T) {
	d := newDesk(order.StateClosed)
	d.order.Reason = "expired"
	if _, err := d.handler().Cancel(t.Context(), by("alice", storedID), fn.None{}); !fault.Is(err, "invalid_transition") {
		t.Errorf("%v", err)
	}
}

func TestAnOrderThatMayBeInTheQueueIsNotCalledUnknown(t *testing.T) {
	d := newDesk(order.StateReserved)
	d.unsure = fault.New(fault.Unavailable, "unavailable", "later")
	_, err := d.handler().Show(t.Context(), by("alice", "11111111-1111-4111-8111-111111111111"), fn.None{})
	if !errors.Is(err, d.unsure) {
		t.Errorf("%v", err)
	}
}

func TestListIsTheCallersUnlessAnAdminAsks(t *testing.T) {
	for _, c := range []struct {
		call fn.Call
		want string
	}{
		{by("alice", ""), "alice"},
		{fn.Call{Caller: auth.Claims{Subject: "alice"}, Query: map[string][]string{"user": {"bob"}}}, "alice"},
		{by("admin", "", auth.RoleAdmin), ""},
		{fn.Call{Caller: auth.Claims{Subject: "admin", Roles: []string{auth.RoleAdmin}}, Query: map[string][]string{"user": {"bob"}}}, "bob"},
	} {
		d := newDesk(order.StateReserved)
		if _, err := d.handler().List(t.Context(), c.call, fn.None{}); err != nil || d.page.UserID != c.want || d.page.Limit != 20 {
			t.Errorf("%+v, %v", d.page, err)
		}
	}
}

func TestParcelsArePrintable(t *testing.T) {
	long := make([]byte, 101)
	for i := range long {
		long[i] = 'x'
	}
	for text, want := range map[string]bool{"SF Express 顺丰": true, "": false, "a\x00": false, string(long): false} {
		if err := (Parcel{text, "1"}).validate(); (err == nil) != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}
