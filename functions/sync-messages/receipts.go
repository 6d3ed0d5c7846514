package main

import (
	"context"

	"bazaar/shared/fn"
)

// Receipts are who has read a message.
type Receipts struct {
	Read    int      `json:"read"`
	Members int      `json:"members"`
	Users   []string `json:"users,omitzero"` // absent in a large group
}

// Receipts answers who has read a message, its sender left out.
func (h *Handler) Receipts(ctx context.Context, c fn.Call, _ fn.None) (fn.Reply, error) {
	seq, err := number(c, "seq", "invalid_seq")
	if err != nil {
		return fn.Reply{}, err
	}
	r, err := h.Messages.Receipts(ctx, h.Store, c.Caller.Subject, c.Params["conversation"], seq)
	if err != nil {
		return fn.Reply{}, err
	}
	return fn.Reply{Status: 200, Body: Receipts(r)}, nil
}
