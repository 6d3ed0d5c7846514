package main

import (
	"context"
	"strconv"

	"bazaar/shared/fault"
	"bazaar/shared/fn"
)

// History answers a page of a conversation, backwards from a message.
func (h *Handler) History(ctx context.Context, c fn.Call, _ fn.None) (fn.Reply, error) {
	limit, err := c.Limit()
	if err != nil {
		return fn.Reply{}, err
	}
	before, err := number(c, "before", "invalid_cursor")
	if err != nil {
		return fn.Reply{}, err
	}
	list, older, err := h.Messages.History(ctx, h.Store, c.Caller.Subject, c.Params["conversation"], before, limit)
	if err != nil {
		return fn.Reply{}, err
	}
	page := fn.Page{Items: list}
	if older > 0 {
		page.Next = strconv.FormatInt(older, 10)
	}
	return fn.Reply{Status: 200, Body: page}, nil
}

// number reads a message's number from the query, 0 where it is not there.
func number(c fn.Call, name, code string) (int64, error) {
	text := c.Query.Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || text[0] == '+' {
		return 0, fault.New(fault.Invalid, code, "A message has a number from 1.").At(name).Because(err)
	}
	return n, nil
}
