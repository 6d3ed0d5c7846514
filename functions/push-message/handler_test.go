package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/jackc/pgx/v5"

	"bazaar/shared/auth"
	"bazaar/shared/bus"
	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/fn"
	"bazaar/shared/message"
	"bazaar/shared/payment"
	"bazaar/shared/pg"
)

// hall is the group "g_1" of alice, who owns it, bob and carol, with its messages,
// and a bus; all in memory. What is sent is stored as it is.
type hall struct {
	pg.Querier
	kind     string
	roles    map[string]string
	messages map[int64]message.Message
	recent   bool

	drafts   []message.Draft
	errs     []error // of PostAll, in its order
	recorded []event.Event
	settled  []string
	notes    []bus.Note
	events   []string // what happened to the bus, in its order
	absent   []message.Posted
	marked   time.Time
	sweep    message.Sweep
	payments map[string]payment.Payment

	down, away, deaf error
	connections      uint64
	lose             bool // the connection, while it is flushed

	log bytes.Buffer // as JSON
}

func newHall() *hall {
	return &hall{
		kind: message.Group, roles: map[string]string{"alice": message.Owner, "bob": message.Plain, "carol": message.Plain}, recent: true,
		messages: map[int64]message.Message{
			1: {Conversation: "g_1", Seq: 1, From: "bob", ClientMsgID: "a", ID: message.IDOf("bob", "a"), Kind: "text", Body: jsontext.Value(`{"text":"1"}`)},
			2: {Conversation: "g_1", Seq: 2, From: "alice", ClientMsgID: "b", ID: message.IDOf("alice", "b"), Kind: "text", Body: jsontext.Value(`{"text":"2"}`)},
		},
		payments: map[string]payment.Payment{
			paymentID: {ID: paymentID, OrderID: orderID, UserID: "dora", Amount: 500, Currency: "CNY"},
		},
	}
}

const (
	orderID   = "0b6f5a0e-6d5c-5a55-8f3e-6a2f9a3d6c11"
	paymentID = "7d444840-9dc0-11d1-b245-5ffdce74fad2"
)

func (h *hall) handler() *Handler {
	return &Handler{
		Store: h, Owner: h.owner, Poster: h, Messages: h, Payments: h, Bus: h,
		Log: slog.New(slog.NewJSONHandler(&h.log, nil)),
		Record: func(_ context.Context, _ pg.Querier, evs ...event.Event) error {
			h.recorded = append(h.recorded, evs...)
			return nil
		},
		Announce: func(id string, notes ...bus.Note) error {
			h.settled, h.notes = append(h.settled, id), append(h.notes, notes...)
			return nil
		},
		Absent: func(_ context.Context, batch []message.Posted) { h.absent = append(h.absent, batch...) },
	}
}

// owner knows a member by its name, and nobody else.
func (h *hall) owner(token string) (auth.Claims, error) {
	if _, ok := h.roles[token]; ok {
		return auth.Claims{Subject: token}, nil
	}
	switch token {
	case "":
		return auth.Claims{}, fault.New(fault.Unauthenticated, "token_missing", "The call carries no access token.")
	case "expired":
		return auth.Claims{}, fault.New(fault.Unauthenticated, "token_expired", "The access token has expired.")
	}
	return auth.Claims{}, fault.New(fault.Unauthenticated, "invalid_token", "The access token is not valid.")
}

func (h *hall) InTx(ctx context.Context, f func(context.Context, pgx.Tx) error) error {
	return f(ctx, nil)
}

func (h *hall) Post(ctx context.Context, d message.Draft) (message.Posted, error) {
	posted, errs := h.PostAll(ctx, []message.Draft{d})
	return posted[0], errs[0]
}

func (h *hall) PostAll(_ context.Context, drafts []message.Draft) ([]message.Posted, []error) {
	posted, errs := make([]message.Posted, len(drafts)), make([]error, len(drafts))
	for i, d := range drafts {
		if errs[i] = d.Validate(); errs[i] == nil && i < len(h.errs) {
			errs[i] = h.errs[i]
		}
		if errs[i] == nil {
			h.drafts = append(h.drafts, d)
			posted[i].Conversation, posted[i].Seq, posted[i].ID = "g_1", int64(len(h.drafts)), message.IDOf(d.Sender, d.ClientMsgID)
		}
	}
	return posted, errs
}

func (h *hall) Lock(_ context.Context, _ pgx.Tx, conversation string) (message.Room, error) {
	if conversation != "g_1" {
		return message.Room{}, message.NotFound()
	}
	return message.Room{Conversation: conversation, Kind: h.kind, LastSeq: 2, Version: 7, Members: len(h.roles)}, h.down
}

func (h *hall) Members(_ context.Context, _ pg.Querier, _ string, users []string) (map[string]message.Member, error) {
	found := map[string]message.Member{}
	for _, u := range users {
		if role, ok := h.roles[u]; ok {
			found[u] = message.Member{User: u, Role: role}
		}
	}
	return found, nil
}

func (h *hall) Recall(_ context.Context, _ pgx.Tx, _ *message.Room, seq int64, by string, may func(string, bool) error) (message.Message, error) {
	m, ok := h.messages[seq]
	if _, member := h.roles[by]; !ok || !member {
		return message.Message{}, message.NotFound()
	}
	if !m.RecalledAt.IsZero() {
		return m, nil
	}
	if err := may(m.From, h.recent); err != nil {
		return message.Message{}, err
	}
	m.RecalledAt = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	h.messages[seq] = m
	return m, nil
}

func (h *hall) Between(_ context.Context, _ pg.Querier, spans []message.Span) (found []message.Message, err error) {
	for _, s := range spans {
		for seq := s.After + 1; seq < s.Before; seq++ {
			if m, ok := h.messages[seq]; ok && m.Conversation == s.Conversation {
				found = append(found, m)
			}
		}
	}
	return found, h.down
}

func (h *hall) Heads(_ context.Context, _ pg.Querier, conversations []string) (map[string]message.Head, error) {
	found := map[string]message.Head{}
	for _, c := range conversations {
		if c == "g_1" {
			found[c] = message.Head{Version: 7, LastSeq: 2}
		}
	}
	return found, nil
}

func (h *hall) Changed(context.Context, pg.Querier) (message.Sweep, error) { return h.sweep, h.down }

func (h *hall) Swept(_ context.Context, _ pg.Querier, until time.Time) error {
	h.events = append(h.events, "swept")
	h.marked = until
	return nil
}

func (h *hall) ByID(_ context.Context, _ pg.Querier, id string) (payment.Payment, error) {
	p, ok := h.payments[id]
	if !ok {
		return p, payment.NotFound()
	}
	return p, h.down
}

func (h *hall) Tell(notes ...bus.Note) error {
	h.events = append(h.events, "told")
	h.notes = append(h.notes, notes...)
	return h.away
}

func (h *hall) Flush(context.Context) error {
	h.events = append(h.events, "flushed")
	if h.lose {
		h.connections++
	}
	return h.deaf
}

func (h *hall) Connections() uint64 { return h.connections }

func from(user string, params map[string]string, query map[string][]string) fn.Call {
	return fn.Call{Caller: auth.Claims{Subject: user}, Params: params, Query: query}
}

func TestTheSenderIsTheCaller(t *testing.T) {
	h := newHall()
	in := Sending{To: "bob", ClientMsgID: "c1", Kind: "text", Body: jsontext.Value(`{"text":"hi"}`)}
	reply, err := h.handler().Send(t.Context(), from("alice", nil, map[string][]string{"socket": {"n-1"}}), in)
	sent, ok := reply.Body.(Sent)
	if err != nil || !ok || reply.Status != 200 || sent.Seq != 1 || sent.MessageID != message.IDOf("alice", "c1") || sent.Duplicate {
		t.Fatalf("%+v, %v", reply, err)
	}
	d := h.drafts[0]
	// Everybody is told of it: no connection has brought it.
	if d.Sender != "alice" || d.To != "bob" || d.Socket != "" || d.Ours {
		t.Errorf("stored is %+v", d)
	}
	for _, kind := range []string{"shop.order", "shop.", ""} {
		in.Kind = kind
		if _, err := h.handler().Send(t.Context(), from("alice", nil, nil), in); !fault.Is(err, "invalid_kind") {
			t.Errorf("the kind %q: %v", kind, err)
		}
	}
	in.Kind = "text"
	if _, err := h.handler().Send(t.Context(), from("shop", nil, nil), in); !fault.Is(err, "denied") || len(h.drafts) != 1 {
		t.Errorf("somebody says what the shop says: %v", err)
	}
}

func TestWhoMayRecall(t *testing.T) {
	for _, c := range []struct {
		by     string
		seq    int64
		recent bool
		kind   string
		code   string
	}{
		{"bob", 1, true, message.Group, ""},
		{"bob", 1, false, message.Group, "recall_too_late"},
		{"alice", 1, false, message.Group, ""}, // the owner, what a member has said
		{"alice", 1, true, message.Direct, "denied"},
		{"bob", 2, true, message.Group, "denied"},
		{"carol", 1, true, message.Group, "denied"},
		{"alice", 2, false, message.Group, "recall_too_late"},
		{"eve", 1, true, message.Group, "not_found"},
		{"bob", 3, true, message.Group, "not_found"},
		{"bob", 0, true, message.Group, "invalid_seq"},
	} {
		h := newHall()
		h.recent, h.kind = c.recent, c.kind
		reply, err := h.handler().Recall(t.Context(), from(c.by, map[string]string{"conversation": "g_1"}, nil), Recalling{Seq: c.seq})
		if c.code != "" {
			if !fault.Is(err, c.code) || len(h.recorded)+len(h.notes) != 0 {
				t.Errorf("%+v: %v, %d recorded, %d told", c, err, len(h.recorded), len(h.notes))
			}
			continue
		}
		if err != nil || reply.Status != 200 || reply.Body.(Recalled).RecalledAt != "2026-01-02T03:04:05.000Z" {
			t.Errorf("%+v: %+v, %v", c, reply, err)
		}
		if len(h.recorded) != 1 || len(h.settled) != 1 || h.settled[0] != h.recorded[0].ID || len(h.notes) != 1 || h.notes[0].Header.Get(message.HeaderVersion) != "7" {
			t.Fatalf("%+v: recorded %+v, told %+v", c, h.recorded, h.notes)
		}
		// Again is the same answer, and nobody hears of it.
		again, err := h.handler().Recall(t.Context(), from(c.by, map[string]string{"conversation": "g_1"}, nil), Recalling{Seq: c.seq})
		if err != nil || again.Body != reply.Body || len(h.recorded) != 1 || len(h.notes) != 1 {
			t.Errorf("%+v again: %+v, %v, %d recorded", c, again, err, len(h.recorded))
		}
	}
	h := newHall()
	_, err := h.handler().Recall(t.Context(), from("bob", map[string]string{"conversation": "g_2"}, nil), Recalling{Seq: 1})
	if !fault.Is(err, "not_found") {
		t.Errorf("another conversation: %v", err)
	}
}

func TestTheSweepMarksWhatItHasTold(t *testing.T) {
	until := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	some := message.Sweep{Until: until, Heads: message.Heads{Heads: map[string]message.Head{"g_1": {Version: 1, LastSeq: 2}}}}
	gone := errors.New("gone")
	for name, c := range map[string]struct {
		sweep            message.Sweep
		down, away, deaf error
		lose             bool
		events           string
		fails            bool
	}{
		"something":         {sweep: some, events: "told flushed swept"},
		"nothing":           {sweep: message.Sweep{Until: until}},
		"NATS is away":      {sweep: some, away: gone, events: "told", fails: true},
		"NATS is deaf":      {sweep: some, deaf: gone, events: "told flushed", fails: true},
		"NATS is another":   {sweep: some, lose: true, events: "told flushed", fails: true},
		"the store is away": {sweep: some, down: gone, fails: true},
	} {
		h := newHall()
		h.sweep, h.down, h.away, h.deaf, h.lose = c.sweep, c.down, c.away, c.deaf, c.lose
		_, err := h.handler().Tick(t.Context(), nil)
		if (err != nil) != c.fails || strings.Join(h.events, " ") != c.events {
			t.Errorf("%s: %v, %q", name, err, h.events)
		}
		if told := name == "something"; h.marked.Equal(until) != told {
			t.Errorf("%s: the mark is %s", name, h.marked)
		}
	}
}
