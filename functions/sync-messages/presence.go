package main

import (
	"context"
	"strings"

	"bazaar/shared/fault"
	"bazaar/shared/fn"
	"bazaar/shared/presence"
)

// Person is whether somebody is there.
type Person struct {
	User       string  `json:"user"`
	Online     bool    `json:"online"`
	LastActive *string `json:"last_active"`
}

// Presence answers who of some users is there, in the order in which they are
// asked about. It says nothing about whether there is such a user.
func (h *Handler) Presence(ctx context.Context, c fn.Call, _ fn.None) (fn.Reply, error) {
	asked := c.Query.Get("users")
	if asked == "" || strings.Count(asked, ",") >= presence.MostUsers {
		return fn.Reply{}, fault.New(fault.Invalid, "invalid_users", "1 to %d users can be asked about at a time.", presence.MostUsers).At("users")
	}
	users := strings.Split(asked, ",")
	found, err := h.People.Look(ctx, users)
	if fault.Is(err, "invalid_users") {
		return fn.Reply{}, fault.Of(err).At("users")
	}
	if err != nil {
		return fn.Reply{}, err
	}
	items := make([]Person, 0, len(users))
	for _, user := range users {
		if p, ok := found[user]; ok {
			items = append(items, Person{User: user, Online: p.Online, LastActive: stamp(p.LastActive)})
			delete(found, user) // once, however often it is named
		}
	}
	return fn.Reply{Status: 200, Body: fn.Page{Items: items}}, nil
}
