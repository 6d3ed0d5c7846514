package main

import (
	"context"
	"time"

	"bazaar/shared/bus"
	"bazaar/shared/fn"
	"bazaar/shared/group"
	"bazaar/shared/message"
	"bazaar/shared/pg"
	"bazaar/shared/presence"
)

// Handler holds the steps.
type Handler struct {
	Store    pg.Querier
	Messages interface {
		Sync(ctx context.Context, q pg.Querier, user string, c message.Cursors, pages message.Pages) (message.Synced, error)
		History(ctx context.Context, q pg.Querier, user, conversation string, before int64, limit int) ([]message.Message, int64, error)
		List(ctx context.Context, q pg.Querier, user, after string, limit int) ([]message.Conversation, string, error)
		Read(ctx context.Context, q pg.Querier, user, conversation string, seq int64) (message.Mark, error)
		Receipts(ctx context.Context, q pg.Querier, user, conversation string, seq int64) (message.Receipts, error)
	}
	Groups interface {
		ByIDs(ctx context.Context, q pg.Querier, ids []string) (map[string]group.Group, error)
	}
	People interface {
		Look(ctx context.Context, users []string) (map[string]presence.Presence, error)
	}
	Tell  func(notes ...bus.Note) error
	Pages *pages
}

// defaultLimit is how many messages of each conversation come unless a client
// says otherwise.
const defaultLimit = 50

// Asking is what a client has.
type Asking struct {
	Cursors map[string]int64 `json:"cursors"`
	Limit   *int             `json:"limit"`
}

// Synced is what it lacks.
type Synced struct {
	Conversations []Page   `json:"conversations"`
	Removed       []string `json:"removed"`
}

// Page is what a client lacks of one conversation.
type Page struct {
	Conversation string            `json:"conversation"`
	Kind         string            `json:"kind"`
	LastSeq      int64             `json:"last_seq"`
	ReadSeq      int64             `json:"read_seq"`
	Messages     []message.Message `json:"messages"`
	Gap          *Gap              `json:"gap"`
	Recalled     []int64           `json:"recalled"`
}

// Gap is what a page leaves out, both ends included.
type Gap struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// Sync gives everything that the caller may see and does not have, of a long
// absence the newest.
func (h *Handler) Sync(ctx context.Context, c fn.Call, in Asking) (fn.Reply, error) {
	cursors := message.Cursors{Seqs: in.Cursors, Limit: defaultLimit}
	if in.Limit != nil {
		cursors.Limit = min(*in.Limit, message.MaxPage)
	}
	if err := cursors.Validate(); err != nil {
		return fn.Reply{}, err
	}
	found, err := h.Messages.Sync(ctx, h.Store, c.Caller.Subject, cursors, h.Pages.Between)
	if err != nil {
		return fn.Reply{}, err
	}
	out := Synced{Conversations: make([]Page, len(found.Pages)), Removed: found.Removed}
	for i, p := range found.Pages {
		out.Conversations[i] = Page{p.Conversation, p.Kind, p.LastSeq, p.ReadSeq, p.Messages, (*Gap)(p.Gap), p.Recalled}
	}
	return fn.Reply{Status: 200, Body: out}, nil
}

// stamp is a time in an answer, or null where there is none.
func stamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	text := message.Stamp(t)
	return &text
}
