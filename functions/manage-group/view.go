package main

import (
	"time"

	"bazaar/shared/group"
	"bazaar/shared/message"
)

// View is a group as its member sees it.
type View struct {
	GroupID    string  `json:"group_id"`
	Title      string  `json:"title"`
	Open       bool    `json:"open"`
	Role       string  `json:"role"` // the caller's
	Members    int     `json:"members"`
	Version    int64   `json:"version"`
	MutedUntil *string `json:"muted_until"` // the caller; null: may speak
	CreatedBy  string  `json:"created_by"`
	CreatedAt  string  `json:"created_at"`
}

func view(g group.Group, r message.Room, m message.Member) View {
	return View{
		GroupID: g.ID, Title: g.Title, Open: g.Open, Role: m.Role, Members: r.Members, Version: r.Version,
		MutedUntil: muted(m), CreatedBy: g.CreatedBy, CreatedAt: message.Stamp(g.CreatedAt),
	}
}

// MemberView is a member of a group as the others see it.
type MemberView struct {
	User       string  `json:"user"`
	Role       string  `json:"role"`
	MutedUntil *string `json:"muted_until"`
	JoinedAt   string  `json:"joined_at"`
}

func memberView(m message.Member) MemberView {
	return MemberView{m.User, m.Role, muted(m), message.Stamp(m.JoinedAt)}
}

// muted is until when a member may not speak, nil for one who may.
func muted(m message.Member) *string {
	if !m.MutedUntil.After(time.Now()) {
		return nil
	}
	text := message.Stamp(m.MutedUntil)
	return &text
}
