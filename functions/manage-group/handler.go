package main

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/bus"
	"bazaar/shared/fault"
	"bazaar/shared/fn"
	"bazaar/shared/group"
	"bazaar/shared/message"
	"bazaar/shared/pg"
)

// Handler holds the steps. Whoever changes a group holds the lock of its
// conversation from the first look at its members to the commit.
type Handler struct {
	Store interface {
		pg.Querier
		InTx(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) error) error
	}
	Rooms interface {
		Open(ctx context.Context, tx pgx.Tx, id, owner string, members []string) (message.Room, error)
		Lock(ctx context.Context, tx pgx.Tx, conversation string) (message.Room, error)
		Members(ctx context.Context, q pg.Querier, conversation string, users []string) (map[string]message.Member, error)
		Add(ctx context.Context, tx pgx.Tx, r *message.Room, role string, users []string) ([]string, error)
		Remove(ctx context.Context, tx pgx.Tx, r *message.Room, users []string) ([]string, error)
		SetRole(ctx context.Context, tx pgx.Tx, r *message.Room, user, role string) error
		Mute(ctx context.Context, tx pgx.Tx, r *message.Room, user string, until time.Time) error
		Dissolve(ctx context.Context, tx pgx.Tx, r *message.Room) ([]string, error)
		Belongs(ctx context.Context, q pg.Querier, user, conversation string) (message.Belonging, error)
		Groups(ctx context.Context, q pg.Querier, user, after string, limit int) ([]message.Belonging, string, error)
		CountGroups(ctx context.Context, q pg.Querier, user string) (int, error)
		Roster(ctx context.Context, q pg.Querier, user, conversation, after string, limit int) ([]message.Member, string, error)
	}
	Groups interface {
		Create(ctx context.Context, q pg.Querier, g group.Group) (group.Group, error)
		ByIDs(ctx context.Context, q pg.Querier, ids []string) (map[string]group.Group, error)
		Change(ctx context.Context, q pg.Querier, id string, title *string, open *bool) (group.Group, error)
	}
	// Tell tells who is connected. What it cannot tell the sweep of push-message does.
	Tell func(notes ...bus.Note) error
}

// Founding is what POST takes.
type Founding struct {
	Title   string   `json:"title"`
	Members []string `json:"members"` // beside the caller
	Open    bool     `json:"open"`
}

func (f Founding) validate() error {
	if err := group.CheckTitle(f.Title); err != nil {
		return err
	}
	wrong := fault.New(fault.Invalid, "invalid_members", "The members are up to %d users, each named once.", message.MaxMembers-1).At("members")
	if len(f.Members) >= message.MaxMembers {
		return wrong
	}
	seen := make(map[string]bool, len(f.Members))
	for _, user := range f.Members {
		if !message.IsID(user) || user == message.Shop || seen[user] {
			return wrong
		}
		seen[user] = true
	}
	return nil
}

// Create makes a group of the caller, who is its owner, and others.
func (h *Handler) Create(ctx context.Context, c fn.Call, in Founding) (fn.Reply, error) {
	if err := in.validate(); err != nil {
		return fn.Reply{}, err
	}
	owner := c.Caller.Subject
	if !message.IsID(owner) || owner == message.Shop {
		return fn.Reply{}, fault.New(fault.Denied, "denied", "This account cannot take part in conversations.")
	}
	others := slices.DeleteFunc(in.Members, func(user string) bool { return user == owner })
	g := group.Group{ID: message.NewGroupID(), Title: in.Title, Open: in.Open, CreatedBy: owner}
	var room message.Room
	err := h.Store.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		// Two that are made at once may be one more than there may be.
		n, err := h.Rooms.CountGroups(ctx, tx, owner)
		if err != nil {
			return err
		}
		if n >= group.MaxGroups {
			return fault.New(fault.Conflict, "too_many_groups", "You are in %d groups already.", n)
		}
		if room, err = h.Rooms.Open(ctx, tx, g.ID, owner, others); err != nil {
			return err
		}
		g, err = h.Groups.Create(ctx, tx, g)
		return err
	})
	if err != nil {
		return fn.Reply{}, err
	}
	h.tell(came(room, owner, append(others, owner)...)...)
	return fn.Reply{Status: 201, Body: view(g, room, message.Member{Role: message.Owner})}, nil
}

// List answers a page of the groups that the caller is in.
func (h *Handler) List(ctx context.Context, c fn.Call, _ fn.None) (fn.Reply, error) {
	limit, after, err := pageOf(c)
	if err != nil {
		return fn.Reply{}, err
	}
	list, next, err := h.Rooms.Groups(ctx, h.Store, c.Caller.Subject, after, limit)
	if err != nil {
		return fn.Reply{}, err
	}
	ids := make([]string, len(list))
	for i, b := range list {
		ids[i] = b.Room.Conversation
	}
	groups, err := h.Groups.ByIDs(ctx, h.Store, ids)
	if err != nil {
		return fn.Reply{}, err
	}
	items := make([]View, 0, len(list))
	for _, b := range list {
		if g, ok := groups[b.Room.Conversation]; ok {
			items = append(items, view(g, b.Room, b.Member))
		}
	}
	return fn.Reply{Status: 200, Body: fn.Page{Items: items, Next: next}}, nil
}

// pageOf reads which page of a list is asked for.
func pageOf(c fn.Call) (limit int, after string, err error) {
	if limit, err = c.Limit(); err != nil {
		return 0, "", err
	}
	after = c.Query.Get("after")
	if after != "" && !message.IsID(after) {
		return 0, "", fault.New(fault.Invalid, "invalid_cursor", "The cursor is not one that a list gave.").At("after")
	}
	return limit, after, nil
}

// Show answers one group that the caller is in.
func (h *Handler) Show(ctx context.Context, c fn.Call, _ fn.None) (fn.Reply, error) {
	id := c.Params["group"]
	b, err := h.Rooms.Belongs(ctx, h.Store, c.Caller.Subject, id)
	if err != nil {
		return fn.Reply{}, known(err)
	}
	groups, err := h.Groups.ByIDs(ctx, h.Store, []string{id})
	if err != nil {
		return fn.Reply{}, err
	}
	g, ok := groups[id]
	if !ok {
		return fn.Reply{}, group.NotFound()
	}
	return fn.Reply{Status: 200, Body: view(g, b.Room, b.Member)}, nil
}

// known says of a conversation that is not there that the group is not.
func known(err error) error {
	if fault.KindOf(err) == fault.NotFound {
		return group.NotFound()
	}
	return err
}

// Changing is what PATCH takes; what is absent stays.
type Changing struct {
	Title *string `json:"title"`
	Open  *bool   `json:"open"`
}

// Change gives a group another title, or opens or closes it.
func (h *Handler) Change(ctx context.Context, c fn.Call, in Changing) (fn.Reply, error) {
	switch {
	case in.Title == nil && in.Open == nil:
		return fn.Reply{}, fault.New(fault.Invalid, "invalid_body", "The title, or whether the group is open, is needed.").At("title")
	case in.Title != nil:
		if err := group.CheckTitle(*in.Title); err != nil {
			return fn.Reply{}, err
		}
	}
	var g group.Group
	var s scene
	err := h.in(ctx, c, "", func(ctx context.Context, tx pgx.Tx, now *scene) (err error) {
		s = *now
		if !group.May(s.role(), group.Rename, group.Stranger) {
			return group.Denied()
		}
		g, err = h.Groups.Change(ctx, tx, s.room.Conversation, in.Title, in.Open)
		return err
	})
	if err != nil {
		return fn.Reply{}, err
	}
	h.tell(message.Event{
		Conversation: g.ID, Seq: s.room.LastSeq, Kind: message.EventGroup, Title: g.Title, By: s.caller,
	}.Note(s.room.Version, ""))
	return fn.Reply{Status: 200, Body: view(g, s.room, s.actor)}, nil
}

// Dissolve ends a group: everybody is out of it.
func (h *Handler) Dissolve(ctx context.Context, c fn.Call, _ fn.None) (fn.Reply, error) {
	var notes []bus.Note
	err := h.in(ctx, c, "", func(ctx context.Context, tx pgx.Tx, s *scene) (err error) {
		if !group.May(s.role(), group.Dissolve, group.Stranger) {
			return group.Denied()
		}
		notes, err = h.dissolve(ctx, tx, s)
		return err
	})
	if err != nil {
		return fn.Reply{}, err
	}
	h.tell(notes...)
	return fn.Reply{Status: 204}, nil
}

// dissolve gives what is to be told: to those who were in it that it ends, by the
// version at which they could see it, and then that they are out.
func (h *Handler) dissolve(ctx context.Context, tx pgx.Tx, s *scene) ([]bus.Note, error) {
	end := message.Event{
		Conversation: s.room.Conversation, Seq: s.room.LastSeq, Kind: message.EventGroup, Dissolved: true, By: s.caller,
	}.Note(s.room.Version, "")
	all, err := h.Rooms.Dissolve(ctx, tx, &s.room)
	if err != nil {
		return nil, err
	}
	return append([]bus.Note{end}, went(s.room, s.caller, all...)...), nil
}

// scene is a group under its lock, with the places of the caller and of the user
// whom it is about.
type scene struct {
	room          message.Room
	caller        string
	actor, target message.Member // the zero Member for who is not in it
}

func (s *scene) role() group.Role { return group.Role(s.actor.Role) }

// in runs f under the lock of the group that the call names. There is no such
// group for a direct conversation.
func (h *Handler) in(ctx context.Context, c fn.Call, user string, f func(ctx context.Context, tx pgx.Tx, s *scene) error) error {
	return h.Store.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		room, err := h.Rooms.Lock(ctx, tx, c.Params["group"])
		if err != nil {
			return known(err)
		}
		if room.Kind != message.Group {
			return group.NotFound()
		}
		s := &scene{room: room, caller: c.Caller.Subject}
		found, err := h.Rooms.Members(ctx, tx, room.Conversation, []string{s.caller, user})
		if err != nil {
			return err
		}
		s.actor, s.target = found[s.caller], found[user]
		if s.actor.User == "" && user != s.caller {
			return group.NotFound()
		}
		return f(ctx, tx, s)
	})
}
