package main

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/event"
	"bazaar/shared/fn"
	"bazaar/shared/order"
	"bazaar/shared/pg"
)

// drawer is the desk with transactions that can be told apart from the store.
type drawer struct {
	*desk
	open pgx.Tx // nil outside a transaction
}

// transaction is one; nothing here asks it anything.
type transaction struct{ pgx.Tx }

func (d *drawer) InTx(ctx context.Context, f func(context.Context, pgx.Tx) error) error {
	d.open = &transaction{}
	defer func() { d.open = nil }()
	return f(ctx, d.open)
}

// The event of a change is written with the change or not at all, and nobody
// hears of it before both are there for good.
func TestEventsAreRecordedInTheTransaction(t *testing.T) {
	d := &drawer{desk: newDesk(order.StateReserved)}
	h := d.handler()
	h.Store = d
	recorded, announced := 0, 0
	h.Record = func(_ context.Context, q pg.Querier, evs ...event.Event) error {
		recorded += len(evs)
		if d.open == nil || q != pg.Querier(d.open) {
			t.Error("recorded beside the transaction")
		}
		return nil
	}
	h.Announce = func(_ context.Context, evs ...event.Event) {
		announced += len(evs)
		if d.open != nil {
			t.Error("announced before the commit")
		}
	}
	if _, err := h.Cancel(t.Context(), by("alice", storedID), fn.None{}); err != nil {
		t.Fatal(err)
	}
	if recorded != 1 || announced != 1 {
		t.Errorf("%d recorded, %d announced", recorded, announced)
	}
}
