package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"bazaar/shared/auth"
	"bazaar/shared/bus"
	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/fn"
	"bazaar/shared/group"
	"bazaar/shared/message"
	"bazaar/shared/payment"
	"bazaar/shared/pg"
)

// Handler holds the steps.
type Handler struct {
	Store interface {
		pg.Querier
		InTx(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) error) error
	}
	// Owner tells whose token a letter is brought with.
	Owner  func(token string) (auth.Claims, error)
	Poster interface {
		Post(ctx context.Context, d message.Draft) (message.Posted, error)
		PostAll(ctx context.Context, drafts []message.Draft) ([]message.Posted, []error)
	}
	Messages interface {
		Lock(ctx context.Context, tx pgx.Tx, conversation string) (message.Room, error)
		Members(ctx context.Context, q pg.Querier, conversation string, users []string) (map[string]message.Member, error)
		Recall(ctx context.Context, tx pgx.Tx, r *message.Room, seq int64, by string, may func(sender string, recent bool) error) (message.Message, error)
		Between(ctx context.Context, q pg.Querier, spans []message.Span) ([]message.Message, error)
		Heads(ctx context.Context, q pg.Querier, conversations []string) (map[string]message.Head, error)
		Changed(ctx context.Context, q pg.Querier) (message.Sweep, error)
		Swept(ctx context.Context, q pg.Querier, until time.Time) error
	}
	Payments interface {
		ByID(ctx context.Context, q pg.Querier, id string) (payment.Payment, error)
	}
	// Record puts events into the outbox. Announce tells of one after its commit,
	// and has it settled.
	Record   func(ctx context.Context, q pg.Querier, evs ...event.Event) error
	Announce func(event string, notes ...bus.Note) error
	// Bus tells of what was stored before.
	Bus message.Teller
	Log *slog.Logger
	// Absent takes note of messages that everybody has been told of.
	Absent func(ctx context.Context, batch []message.Posted)
}

// Sending is what POST takes. Who sends is the caller; number and time are the store's.
type Sending struct {
	Conversation string         `json:"conversation"`
	To           string         `json:"to"`
	ClientMsgID  string         `json:"client_msg_id"`
	Kind         string         `json:"kind"`
	Body         jsontext.Value `json:"body"`
}

func (s Sending) draft(sender, socket string) message.Draft {
	return message.Draft{
		Sender: sender, Conversation: s.Conversation, To: s.To, ClientMsgID: s.ClientMsgID, Kind: s.Kind, Body: s.Body, Socket: socket,
	}
}

// Sent says where a message is.
type Sent struct {
	Conversation string `json:"conversation"`
	Seq          int64  `json:"seq"`
	MessageID    string `json:"message_id"`
	SentAt       string `json:"sent_at"`
	Duplicate    bool   `json:"duplicate"`
}

func sent(m message.Posted) Sent {
	return Sent{m.Conversation, m.Seq, m.ID, message.Stamp(m.SentAt), m.Duplicate}
}

// Send stores a message and has it announced. The same one again gets the answer
// of the first, as a duplicate.
func (h *Handler) Send(ctx context.Context, c fn.Call, in Sending) (fn.Reply, error) {
	m, err := h.Poster.Post(ctx, in.draft(c.Caller.Subject, ""))
	if err != nil {
		return fn.Reply{}, err
	}
	return fn.Reply{Status: 200, Body: sent(m)}, nil
}

// Recalling is what recall takes.
type Recalling struct {
	Seq int64 `json:"seq"`
}

// Recalled says that a message is taken back.
type Recalled struct {
	Conversation string `json:"conversation"`
	Seq          int64  `json:"seq"`
	RecalledAt   string `json:"recalled_at"`
}

// Recall takes back what a message says: its sender within two minutes, and who
// leads a group at any time what those below have said. Again changes nothing.
func (h *Handler) Recall(ctx context.Context, c fn.Call, in Recalling) (fn.Reply, error) {
	if in.Seq < 1 {
		return fn.Reply{}, fault.New(fault.Invalid, "invalid_seq", "A message has a number from 1.").At("seq")
	}
	var m message.Message
	var told event.Event
	var note bus.Note
	err := h.Store.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		told = event.Event{}
		room, err := h.Messages.Lock(ctx, tx, c.Params["conversation"])
		if err != nil {
			return err
		}
		decided := false
		m, err = h.Messages.Recall(ctx, tx, &room, in.Seq, c.Caller.Subject, func(sender string, recent bool) error {
			decided = true
			return h.mayRecall(ctx, tx, room, c.Caller.Subject, sender, recent)
		})
		if err != nil || !decided {
			return err // what the caller has recalled before is known
		}
		told, err = message.StoredEvent(uuid.NewString(), message.StoredData{
			Recalls: []message.Place{{Conversation: m.Conversation, Seq: m.Seq}},
		})
		if err != nil {
			return err
		}
		note = message.Event{Conversation: m.Conversation, Seq: m.Seq, Kind: message.EventRecall, By: c.Caller.Subject}.Note(room.Version, "")
		return h.Record(ctx, tx, told)
	})
	if err != nil {
		return fn.Reply{}, err
	}
	if told.ID != "" {
		_ = h.Announce(told.ID, note) // what fails is brought by the relay
	}
	return fn.Reply{Status: 200, Body: Recalled{m.Conversation, m.Seq, message.Stamp(m.RecalledAt)}}, nil
}

// mayRecall decides under the conversation's lock.
func (h *Handler) mayRecall(ctx context.Context, tx pgx.Tx, room message.Room, by, sender string, recent bool) error {
	if by == sender {
		if recent {
			return nil
		}
		return fault.New(fault.Denied, "recall_too_late", "A message can be taken back for two minutes.")
	}
	denied := fault.New(fault.Denied, "denied", "You cannot take this message back.")
	if room.Kind != message.Group {
		return denied
	}
	members, err := h.Messages.Members(ctx, tx, room.Conversation, []string{by, sender})
	if err != nil {
		return err
	}
	if !group.May(group.Role(members[by].Role), group.Recall, group.Role(members[sender].Role)) {
		return denied
	}
	return nil
}
