package main

import (
	"context"

	"bazaar/shared/event"
	"bazaar/shared/fn"
)

// Tick tells how far the conversations are that have changed since the last tick
// that was told whole: whoever has missed the announcement of a last message
// finds out by it.
func (h *Handler) Tick(ctx context.Context, _ []event.Event) ([]fn.Failed, error) {
	s, err := h.Messages.Changed(ctx, h.Store)
	if err != nil {
		return nil, err
	}
	notes, err := s.Notes()
	// An old mark costs nothing while nothing changes.
	if err != nil || len(notes) == 0 {
		return nil, err
	}
	if err := h.tell(ctx, notes); err != nil {
		return nil, err
	}
	return nil, h.Messages.Swept(ctx, h.Store, s.Until)
}
