package contract_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"bazaar/shared/bus"
)

// talker is somebody with a name.
type talker struct {
	person
	name string
}

func (h *house) talker(t testing.TB) talker {
	t.Helper()
	name := "talker-" + short()
	return talker{h.as(t, name), name}
}

// talk is the body of push-message.
type talk struct {
	Conversation string `json:"conversation,omitempty"`
	To           string `json:"to,omitempty"`
	ClientMsgID  string `json:"client_msg_id"`
	Kind         string `json:"kind"`
	Body         any    `json:"body"`
}

// sentView is the answer to that.
type sentView struct {
	Conversation string `json:"conversation"`
	Seq          int64  `json:"seq"`
	MessageID    string `json:"message_id"`
	SentAt       moment `json:"sent_at"`
	Duplicate    bool   `json:"duplicate"`
}

// letter is what a connector brings of somebody.
type letter struct {
	Token   string `json:"token"`
	Socket  string `json:"socket"`
	Message any    `json:"message"`
}

// verdictView is what became of a letter: one of the two.
type verdictView struct {
	Sent    *sentView    `json:"sent"`
	Refused *refusedView `json:"refused"`
}

type refusedView struct {
	Kind         string `json:"kind"`
	Code         string `json:"code"`
	Detail       string `json:"detail"`
	Field        string `json:"field"`
	RetryAfterMS int64  `json:"retry_after_ms"`
}

// messageView is a message.
type messageView struct {
	Conversation string          `json:"conversation"`
	Seq          int64           `json:"seq"`
	MessageID    string          `json:"message_id"`
	ClientMsgID  string          `json:"client_msg_id"`
	From         string          `json:"from"`
	SentAt       moment          `json:"sent_at"`
	Kind         string          `json:"kind"`
	RecalledAt   *moment         `json:"recalled_at"`
	Body         json.RawMessage `json:"body"`
}

// syncView is the answer of sync-messages.
type syncView struct {
	Conversations []pageView `json:"conversations"`
	Removed       []string   `json:"removed"`
}

type pageView struct {
	Conversation string        `json:"conversation"`
	Kind         string        `json:"kind"`
	LastSeq      int64         `json:"last_seq"`
	ReadSeq      int64         `json:"read_seq"`
	Messages     []messageView `json:"messages"`
	Gap          *struct {
		From int64 `json:"from"`
		To   int64 `json:"to"`
	} `json:"gap"`
	Recalled []int64 `json:"recalled"`
}

// conversationView is one in the list.
type conversationView struct {
	Conversation string       `json:"conversation"`
	Kind         string       `json:"kind"`
	Title        *string      `json:"title"`
	Peer         *string      `json:"peer"`
	LastSeq      int64        `json:"last_seq"`
	ReadSeq      int64        `json:"read_seq"`
	Unread       int64        `json:"unread"`
	ActiveAt     moment       `json:"active_at"`
	LastMessage  *messageView `json:"last_message"`
	MutedUntil   *moment      `json:"muted_until"`
}

// groupView is a group.
type groupView struct {
	GroupID    string  `json:"group_id"`
	Title      string  `json:"title"`
	Open       bool    `json:"open"`
	Role       string  `json:"role"`
	Members    int     `json:"members"`
	Version    int64   `json:"version"`
	MutedUntil *moment `json:"muted_until"`
	CreatedBy  string  `json:"created_by"`
	CreatedAt  moment  `json:"created_at"`
}

// memberView is a member of one.
type memberView struct {
	User       string  `json:"user"`
	Role       string  `json:"role"`
	MutedUntil *moment `json:"muted_until"`
	JoinedAt   moment  `json:"joined_at"`
}

// say says something in a conversation.
func (p talker) say(t testing.TB, conversation, text string) (v sentView) {
	t.Helper()
	p.call(t, "POST", "push-message", talk{Conversation: conversation, ClientMsgID: uuid.NewString(), Kind: "text", Body: map[string]string{"text": text}}).into(t, 200, &v)
	return v
}

// write writes to somebody.
func (p talker) write(t testing.TB, to talker, text string) (v sentView) {
	t.Helper()
	p.call(t, "POST", "push-message", talk{To: to.name, ClientMsgID: uuid.NewString(), Kind: "text", Body: map[string]string{"text": text}}).into(t, 200, &v)
	return v
}

// letters brings some, and gives the verdict of each.
func (h *house) letters(t testing.TB, all ...letter) []verdictView {
	t.Helper()
	var body bytes.Buffer
	lines := json.NewEncoder(&body)
	for _, l := range all {
		if err := lines.Encode(l); err != nil {
			t.Fatal(err)
		}
	}
	a := h.nobody().call(t, "POST", "push-message/letters", body.Bytes())
	if a.status != 200 || a.header.Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("%d letters: status %d, %s: %s", len(all), a.status, a.header.Get("Content-Type"), a.body)
	}
	strict := json.NewDecoder(bytes.NewReader(a.body))
	strict.DisallowUnknownFields()
	verdicts := make([]verdictView, len(all))
	for i := range verdicts {
		if err := strict.Decode(&verdicts[i]); err != nil || (verdicts[i].Sent == nil) == (verdicts[i].Refused == nil) {
			t.Fatalf("letter %d of %s: %v", i, a.body, err)
		}
	}
	if n := bytes.Count(a.body, []byte("\n")); n != len(all) {
		t.Fatalf("%d letters have %d verdicts: %s", len(all), n, a.body)
	}
	return verdicts
}

// at is where the message of a letter is, that must be stored.
func (v verdictView) at(t testing.TB) sentView {
	t.Helper()
	if v.Sent == nil {
		t.Fatalf("refused: %+v", *v.Refused)
	}
	return *v.Sent
}

// fails checks why a letter was refused.
func (v verdictView) fails(t testing.TB, kind, code, field string) {
	t.Helper()
	if r := v.Refused; r == nil || r.Kind != kind || r.Code != code || r.Field != field || !strings.HasSuffix(r.Detail, ".") || internals.MatchString(r.Detail) {
		t.Errorf("got %+v, %+v, want %s %s at %q", v.Sent, v.Refused, kind, code, field)
	}
}

// found makes a group of others.
func (p talker) found(t testing.TB, others ...talker) groupView {
	t.Helper()
	names := []string{}
	for _, other := range others {
		names = append(names, other.name)
	}
	var v groupView
	p.call(t, "POST", "manage-group", map[string]any{"title": "A test's own", "members": names}).into(t, 201, &v)
	return v
}

// put puts somebody into a group or changes a place in it.
func (p talker) put(t testing.TB, g groupView, who talker, body string) answer {
	t.Helper()
	return p.call(t, "PUT", "manage-group/"+g.GroupID+"/members/"+who.name, body)
}

func (p talker) remove(t testing.TB, g groupView, who talker) answer {
	t.Helper()
	return p.call(t, "DELETE", "manage-group/"+g.GroupID+"/members/"+who.name, nil)
}

// sync asks for what is new since the cursors.
func (p talker) sync(t testing.TB, cursors map[string]int64, limit int) (v syncView) {
	t.Helper()
	p.call(t, "POST", "sync-messages", map[string]any{"cursors": cursors, "limit": limit}).into(t, 200, &v)
	return v
}

// history is all that a talker may see of a conversation, newest first.
func (p talker) history(t testing.TB, conversation string) (all []messageView) {
	t.Helper()
	before := ""
	for range 1000 {
		var got page[messageView]
		p.call(t, "GET", "sync-messages/"+conversation+"?limit=7"+before, nil).into(t, 200, &got)
		all = append(all, got.Items...)
		if got.Next == nil {
			return all
		}
		before = "&before=" + *got.Next
	}
	t.Fatal("the history has no end")
	return nil
}

// texts are those of messages, with a blank between.
func texts(all []messageView) string {
	var words []string
	for _, m := range all {
		var body struct{ Text string }
		if err := json.Unmarshal(m.Body, &body); err != nil {
			body.Text = err.Error()
		}
		words = append(words, body.Text)
	}
	return strings.Join(words, " ")
}

// bus opens a connection to the house's NATS.
func (h *house) bus(t testing.TB) *bus.Bus {
	t.Helper()
	b, err := bus.Open(h.NATS, "contract", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return b
}

// listening hears subjects of core NATS, all that is told from now on.
func listening(t testing.TB, b *bus.Bus, subjects ...string) chan *nats.Msg {
	t.Helper()
	heard := make(chan *nats.Msg, 1024)
	ear := b.Ear(heard)
	for _, s := range subjects {
		if err := ear.Open(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return heard
}

// next waits for something that is told and right.
func next(t testing.TB, heard chan *nats.Msg, what string, right func(*nats.Msg) bool) *nats.Msg {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	var others []string
	for {
		select {
		case m := <-heard:
			if right(m) {
				return m
			}
			others = append(others, fmt.Sprintf("%s %.200s", m.Subject, m.Data))
		case <-late.C:
			t.Fatalf("waited %s for %s, heard %q", patience, what, others)
		}
	}
}
