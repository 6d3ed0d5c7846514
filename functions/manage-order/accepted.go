package main

import (
	"context"
	"encoding/json"
	"fmt"
	"unicode"

	"bazaar/shared/idem"
	"bazaar/shared/order"
	"bazaar/shared/pg"
)

// Accepted is the memory of create-order: what it has accepted and the store
// may not have yet.
type Accepted interface {
	// Find gives the finished record of an order's id. An error while the
	// memory cannot be sure is unavailable: the order may be in the queue.
	Find(ctx context.Context, id string) (idem.Record, bool, error)
}

// stored tells the memory, when it has lost something, what the store has. The
// draft is not needed then.
func stored(q pg.Querier) idem.Known {
	return func(ctx context.Context, id string) (idem.Record, bool, error) {
		found, err := order.Store{}.Views(ctx, q, []string{id})
		_, ok := found[id]
		return idem.Record{ID: id}, ok, err
	}
}

// placed gives an order that was accepted and that the store did not have.
func (h *Handler) placed(ctx context.Context, id string) (order.View, error) {
	record, found, err := h.Accepted.Find(ctx, id)
	if err != nil {
		return order.View{}, err
	}
	if !found {
		return order.View{}, order.NotFound()
	}
	if len(record.Progress) == 0 { // it came into the store while we looked
		views, err := h.complete(ctx, id)
		if v, ok := views[id]; ok || err != nil {
			return v, err
		}
		return order.View{}, order.NotFound()
	}
	var d order.Draft
	if err := json.Unmarshal(record.Progress, &d); err != nil {
		return order.View{}, fmt.Errorf("reading the draft of order %s: %w", id, err)
	}
	return order.PlacedView(d), nil
}

func printable(text string) bool {
	for _, r := range text {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
