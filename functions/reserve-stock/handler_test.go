package main

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/order"
	"bazaar/shared/pg"
	"bazaar/shared/stock"
)

// house is all that the step asks for, in memory.
type house struct {
	known     map[string]bool
	available map[string]int64
	decided   []order.Verdict
	recorded  []event.Event
	announced []event.Event
	fail      error
}

func (h *house) InTx(ctx context.Context, f func(context.Context, pgx.Tx) error) error {
	if err := f(ctx, nil); err != nil {
		return err
	}
	return h.fail
}

func (h *house) Take(_ context.Context, _ pgx.Tx, drafts []order.Draft, _ time.Duration) ([]order.Draft, error) {
	return slices.DeleteFunc(slices.Clone(drafts), func(d order.Draft) bool { return h.known[d.OrderID] }), nil
}

func (h *house) Reserve(_ context.Context, _ pgx.Tx, demands []stock.Demand) ([]stock.Verdict, error) {
	out := make([]stock.Verdict, len(demands))
	for i, d := range demands {
		sku := d.Lines[0].SKU
		h.available[sku] -= d.Lines[0].Quantity
		out[i] = stock.Verdict{Reference: d.Reference, Granted: h.available[sku] >= 0, Lacking: sku}
	}
	return out, nil
}

func (h *house) Decide(_ context.Context, _ pgx.Tx, verdicts []order.Verdict) ([]event.Event, error) {
	h.decided = verdicts
	events := make([]event.Event, len(verdicts))
	for i, v := range verdicts {
		events[i].ID = v.Draft.OrderID
	}
	return events, nil
}

func (h *house) handler() *Handler {
	return &Handler{
		Transactions: h, Orders: h, Stock: h, PayWithin: time.Minute,
		Record: func(_ context.Context, _ pg.Querier, evs ...event.Event) error {
			h.recorded = append(h.recorded, evs...)
			return nil
		},
		Announce: func(_ context.Context, evs ...event.Event) { h.announced = append(h.announced, evs...) },
	}
}

func placed(t *testing.T, sku string) event.Event {
	t.Helper()
	e, err := order.PlacedEvent(order.Draft{
		OrderID: uuid.NewString(), UserID: "u", Currency: "CNY", Amount: 7, PlacedAt: time.Now(),
		Lines: []order.Line{{SKU: sku, Quantity: 1, Amount: 7}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestReserveGivesAVerdictForEachOrder(t *testing.T) {
	h := &house{available: map[string]int64{"a": 1}}
	first, second, poison := placed(t, "a"), placed(t, "a"), placed(t, "a")
	poison.Data = []byte(`{"order_id":"x"}`)
	broken := placed(t, "a")
	broken.Data = []byte(`[`)
	failed, err := h.handler().Reserve(t.Context(), []event.Event{poison, first, first, broken, second})
	if err != nil {
		t.Fatal(err)
	}
	if len(failed) != 2 || failed[0].ID != poison.ID || failed[1].ID != broken.ID ||
		failed[0].Kind != fault.Invalid || failed[1].Kind != fault.Invalid {
		t.Errorf("failed %+v", failed)
	}
	if len(h.decided) != 2 || h.decided[0].Reason != "" || h.decided[1].Reason != "sold_out" || h.decided[1].Note != "a" {
		t.Errorf("decided %+v", h.decided)
	}
	if len(h.recorded) != 2 || len(h.announced) != 2 {
		t.Errorf("%d recorded, %d announced", len(h.recorded), len(h.announced))
	}
}

func TestReserveAgainIsDone(t *testing.T) {
	e := placed(t, "a")
	h := &house{known: map[string]bool{e.ID: true}, available: map[string]int64{"a": 1}}
	failed, err := h.handler().Reserve(t.Context(), []event.Event{e})
	if err != nil || len(failed) != 0 || len(h.decided) != 0 || h.available["a"] != 1 {
		t.Errorf("%v %v %+v", failed, err, h)
	}
}

func TestNothingIsAnnouncedThatWasNotCommitted(t *testing.T) {
	h := &house{available: map[string]int64{"a": 1}, fail: errors.New("commit lost")}
	_, err := h.handler().Reserve(t.Context(), []event.Event{placed(t, "a")})
	if !errors.Is(err, h.fail) || len(h.announced) != 0 {
		t.Errorf("%v, %d announced", err, len(h.announced))
	}
}
