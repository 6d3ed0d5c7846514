package main

import (
	"context"
	"time"

	"bazaar/shared/fn"
	"bazaar/shared/message"
)

// Conversation is one in the list of its member.
type Conversation struct {
	Conversation string           `json:"conversation"`
	Kind         string           `json:"kind"`
	Title        *string          `json:"title"` // of a group
	Peer         *string          `json:"peer"`  // the other user of a direct one
	LastSeq      int64            `json:"last_seq"`
	ReadSeq      int64            `json:"read_seq"`
	Unread       int64            `json:"unread"`
	ActiveAt     string           `json:"active_at"`
	LastMessage  *message.Message `json:"last_message"`
	MutedUntil   *string          `json:"muted_until"`
}

// List answers a page of the caller's conversations by their last activity.
func (h *Handler) List(ctx context.Context, c fn.Call, _ fn.None) (fn.Reply, error) {
	limit, err := c.Limit()
	if err != nil {
		return fn.Reply{}, err
	}
	list, next, err := h.Messages.List(ctx, h.Store, c.Caller.Subject, c.Query.Get("after"), limit)
	if err != nil {
		return fn.Reply{}, err
	}
	var ids []string
	for _, v := range list {
		if v.Kind == message.Group {
			ids = append(ids, v.ID)
		}
	}
	titles := map[string]string{}
	if len(ids) > 0 {
		groups, err := h.Groups.ByIDs(ctx, h.Store, ids)
		if err != nil {
			return fn.Reply{}, err
		}
		for id, g := range groups {
			titles[id] = g.Title
		}
	}
	items := make([]Conversation, len(list))
	for i, v := range list {
		items[i] = Conversation{
			Conversation: v.ID, Kind: v.Kind, LastSeq: v.LastSeq, ReadSeq: v.ReadSeq, Unread: v.Unread,
			ActiveAt: message.Stamp(v.ActiveAt), LastMessage: v.Last,
		}
		if title, ok := titles[v.ID]; ok {
			items[i].Title = &title
		}
		if v.Peer != "" {
			items[i].Peer = &v.Peer
		}
		if v.MutedUntil.After(time.Now()) {
			items[i].MutedUntil = stamp(v.MutedUntil)
		}
	}
	return fn.Reply{Status: 200, Body: fn.Page{Items: items, Next: next}}, nil
}
