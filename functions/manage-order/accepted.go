package main

import (
	"context"
	"encoding/json"
	"fmt"
	"unicode"

	"bazaar/shared/idem"
	"bazaar/shared/order"
)

// Accepted is the memory of create-order: what it has accepted and the store
// may not have yet.
type Accepted interface {
	// Find gives the finished record of an id. An error while the memory cannot
	// be sure is unavailable: the order may be in the queue.
	Find(ctx context.Context, scope, id string) (idem.Record, bool, error)
}

// placed gives an order that was accepted and that the store does not have.
func (h *Handler) placed(ctx context.Context, id string) (order.View, error) {
	record, found, err := h.Accepted.Find(ctx, order.EntryScope, id)
	if err != nil {
		return order.View{}, err
	}
	if !found {
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
