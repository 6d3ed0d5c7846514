package main

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/bus"
	"bazaar/shared/fault"
	"bazaar/shared/fn"
	"bazaar/shared/group"
	"bazaar/shared/message"
)

// Members answers a page of those who are in a group.
func (h *Handler) Members(ctx context.Context, c fn.Call, _ fn.None) (fn.Reply, error) {
	limit, after, err := pageOf(c)
	if err != nil {
		return fn.Reply{}, err
	}
	user, id := c.Caller.Subject, c.Params["group"]
	if _, err := h.Rooms.Belongs(ctx, h.Store, user, id); err != nil {
		return fn.Reply{}, known(err)
	}
	list, next, err := h.Rooms.Roster(ctx, h.Store, user, id, after, limit)
	if err != nil {
		return fn.Reply{}, known(err)
	}
	items := make([]MemberView, len(list))
	for i, m := range list {
		items[i] = memberView(m)
	}
	return fn.Reply{Status: 200, Body: fn.Page{Items: items, Next: next}}, nil
}

// Placing is what PUT of a member takes; what is absent stays, and {} adds.
type Placing struct {
	Role       group.Role `json:"role"`
	MutedUntil Until      `json:"muted_until"`
}

// Until is a time, or null for none, or absent.
type Until struct {
	Given bool
	At    time.Time
}

// UnmarshalJSON takes a time as in RFC 3339, or null.
func (u *Until) UnmarshalJSON(raw []byte) error {
	u.Given = true
	text := string(raw)
	if text == "null" {
		return nil
	}
	at, err := time.Parse(`"`+time.RFC3339+`"`, text)
	if year := at.UTC().Year(); err != nil || strings.Contains(text, ",") || year < 1 || year > 9999 {
		return fault.New(fault.Invalid, "invalid_body", "The field muted_until must be a time as in RFC 3339, or null.")
	}
	u.At = at
	return nil
}

// Put adds somebody to a group, or changes the role of a member or whether it
// may speak. Oneself joins an open group.
func (h *Handler) Put(ctx context.Context, c fn.Call, in Placing) (fn.Reply, error) {
	if in.Role != "" && !in.Role.Known() {
		return fn.Reply{}, fault.New(fault.Invalid, "invalid_role", "A role is owner, admin or member.").At("role")
	}
	user, status := c.Params["user"], 200
	var m message.Member
	var notes []bus.Note
	err := h.in(ctx, c, user, func(ctx context.Context, tx pgx.Tx, s *scene) (err error) {
		switch {
		case user == message.Shop:
			return group.NotFound()
		case s.target.User == "":
			status = 201
			notes, err = h.add(ctx, tx, s, user, in)
		default:
			status = 200
			notes, err = h.change(ctx, tx, s, in)
		}
		if err != nil {
			return err
		}
		found, err := h.Rooms.Members(ctx, tx, s.room.Conversation, []string{user})
		m = found[user]
		return err
	})
	if err != nil {
		return fn.Reply{}, err
	}
	h.tell(notes...)
	return fn.Reply{Status: status, Body: memberView(m)}, nil
}

// add puts somebody into a group: an admin, or oneself where it is open.
func (h *Handler) add(ctx context.Context, tx pgx.Tx, s *scene, user string, in Placing) ([]bus.Note, error) {
	becomes := in.Role
	if becomes == "" {
		becomes = group.Member
	}
	action := group.Add
	if user == s.caller {
		action = group.Join
		groups, err := h.Groups.ByIDs(ctx, tx, []string{s.room.Conversation})
		if err != nil {
			return nil, err
		}
		if !groups[s.room.Conversation].Open || !message.IsID(user) {
			return nil, group.NotFound()
		}
	}
	if !group.May(s.role(), action, becomes) || in.MutedUntil.Given && !group.May(s.role(), group.Mute, becomes) {
		return nil, group.Denied()
	}
	added, err := h.Rooms.Add(ctx, tx, &s.room, string(becomes), []string{user})
	if err != nil || len(added) == 0 {
		return nil, err
	}
	notes := append(came(s.room, s.caller, user), changed(s, user, joined))
	if in.MutedUntil.Given {
		if err := h.Rooms.Mute(ctx, tx, &s.room, user, in.MutedUntil.At); err != nil {
			return nil, err
		}
		notes = append(notes, changed(s, user, mute))
	}
	return notes, nil
}

// change gives a member another role, and lets it speak or not. All of it is
// decided before any of it is done.
func (h *Handler) change(ctx context.Context, tx pgx.Tx, s *scene, in Placing) ([]bus.Note, error) {
	is := group.Role(s.target.Role)
	becomes := in.Role
	if becomes == "" {
		becomes = is
	}
	if err := mayChange(s, is, becomes, in.MutedUntil.Given); err != nil {
		return nil, err
	}
	var notes []bus.Note
	if becomes == group.Owner && is != group.Owner {
		// There is one owner at any moment.
		if err := h.Rooms.SetRole(ctx, tx, &s.room, s.caller, string(group.Admin)); err != nil {
			return nil, err
		}
		notes = append(notes, changed(s, s.caller, role))
	}
	if becomes != is {
		if err := h.Rooms.SetRole(ctx, tx, &s.room, s.target.User, string(becomes)); err != nil {
			return nil, err
		}
		notes = append(notes, changed(s, s.target.User, role))
	}
	if in.MutedUntil.Given {
		if err := h.Rooms.Mute(ctx, tx, &s.room, s.target.User, in.MutedUntil.At); err != nil {
			return nil, err
		}
		notes = append(notes, changed(s, s.target.User, mute))
	}
	return notes, nil
}

// mayChange decides whether the caller may make the target what it becomes, and
// mute it. To ask for nothing new is as good as to add, or to join, once more.
func mayChange(s *scene, is, becomes group.Role, mutes bool) error {
	oneself := s.target.User == s.caller
	switch {
	case becomes == is && !mutes && !oneself && !group.May(s.role(), group.Add, group.Member),
		becomes != is && !oneself && !group.May(s.role(), group.Promote, is),
		becomes != is && oneself && is != group.Owner,
		mutes && !(group.May(s.role(), group.Mute, is) && group.May(s.role(), group.Mute, becomes)):
		return group.Denied()
	case becomes != is && oneself:
		return fault.New(fault.Conflict, "owner_needed", "A group needs an owner: make somebody else it first.").At("role")
	}
	return nil
}

// Remove takes a member out of a group, or the caller itself; the last one out
// dissolves it.
func (h *Handler) Remove(ctx context.Context, c fn.Call, _ fn.None) (fn.Reply, error) {
	user := c.Params["user"]
	var notes []bus.Note
	err := h.in(ctx, c, user, func(ctx context.Context, tx pgx.Tx, s *scene) (err error) {
		notes, err = h.remove(ctx, tx, s)
		return err
	})
	if err != nil {
		return fn.Reply{}, err
	}
	h.tell(notes...)
	return fn.Reply{Status: 204}, nil
}

func (h *Handler) remove(ctx context.Context, tx pgx.Tx, s *scene) ([]bus.Note, error) {
	action, change := group.Remove, removed
	switch {
	case s.target.User == "":
		return nil, fault.New(fault.NotFound, "not_found", "There is no such member.")
	case s.target.User == s.caller && s.role() == group.Owner && s.room.Members > 1:
		return nil, fault.New(fault.Conflict, "owner_must_hand_over", "Make somebody else the owner first, or dissolve the group.")
	case s.target.User == s.caller && s.role() == group.Owner:
		return h.dissolve(ctx, tx, s)
	case s.target.User == s.caller:
		action, change = group.Leave, left
	}
	if !group.May(s.role(), action, group.Role(s.target.Role)) {
		return nil, group.Denied()
	}
	gone, err := h.Rooms.Remove(ctx, tx, &s.room, []string{s.target.User})
	if err != nil || len(gone) == 0 {
		return nil, err
	}
	return append(went(s.room, s.caller, gone...), changed(s, s.target.User, change)), nil
}
