package main

import (
	"context"

	"bazaar/shared/fault"
	"bazaar/shared/fn"
	"bazaar/shared/message"
)

// Reading is up to where somebody has read.
type Reading struct {
	Seq *int64 `json:"seq"`
}

// Read moves the caller's read cursor forward. Where it moved, the caller's other
// devices hear of it, and in a small conversation everybody does: who does not
// hear finds it by the next sync.
func (h *Handler) Read(ctx context.Context, c fn.Call, in Reading) (fn.Reply, error) {
	if in.Seq == nil || *in.Seq < 0 {
		return fn.Reply{}, fault.New(fault.Invalid, "invalid_seq", "One has read up to a number from 0.").At("seq")
	}
	user, conversation := c.Caller.Subject, c.Params["conversation"]
	mark, err := h.Messages.Read(ctx, h.Store, user, conversation, *in.Seq)
	if err != nil {
		return fn.Reply{}, err
	}
	if mark.Moved {
		only := ""
		if mark.Members > message.MaxReceipts {
			only = user
		}
		e := message.Event{Conversation: conversation, Seq: mark.Seq, Kind: message.EventRead, User: user}
		_ = h.Tell(e.Note(mark.Version, only)) // lost while NATS is away
	}
	return fn.Reply{Status: 204}, nil
}
