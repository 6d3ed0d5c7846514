package storm_test

import (
	"context"
	"slices"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/jackc/pgx/v5"

	"bazaar/infra/chat"
	"bazaar/shared/bus"
	"bazaar/shared/message"
	"bazaar/shared/pg"
	"bazaar/tests/support"
)

// nobody is told anything.
type nobody struct{}

func (nobody) Tell(...bus.Note) error      { return nil }
func (nobody) Flush(context.Context) error { return nil }
func (nobody) Connections() uint64         { return 1 }

// place is a group that a test changes.
type place struct {
	message.Store
	t      *testing.T
	pool   *pg.Pool
	poster *message.Poster
	id     string
}

// say stores a message of alice's.
func (p *place) say(name string) {
	p.t.Helper()
	d := message.Draft{Sender: "alice", Conversation: p.id, ClientMsgID: name, Kind: "text", Body: jsontext.Value(`{"text": "` + name + `"}`)}
	if _, err := p.poster.Post(p.t.Context(), d); err != nil {
		p.t.Fatal(err)
	}
}

// change changes something under the lock.
func (p *place) change(f func(ctx context.Context, tx pgx.Tx, r *message.Room) error) {
	p.t.Helper()
	if err := p.pool.InTx(p.t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		r, err := p.Lock(ctx, tx, p.id)
		if err != nil {
			return err
		}
		return f(ctx, tx, &r)
	}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) out() {
	p.t.Helper()
	p.change(func(ctx context.Context, tx pgx.Tx, r *message.Room) error {
		_, err := p.Remove(ctx, tx, r, []string{"bob"})
		return err
	})
}

func (p *place) back() {
	p.t.Helper()
	p.change(func(ctx context.Context, tx pgx.Tx, r *message.Room) error {
		_, err := p.Add(ctx, tx, r, message.Plain, []string{"bob"})
		return err
	})
}

// TestTheTruthHasEveryStay of somebody who left and came back, twice, and every
// message as it was said, or recalled.
func TestTheTruthHasEveryStay(t *testing.T) {
	t.Parallel()
	pool := support.Postgres(t)
	support.Stays(t, pool)
	support.Stays(t, pool) // again is no error
	p := &place{t: t, pool: pool, id: message.NewGroupID()}
	p.poster = message.NewPoster(pool, message.NewAnnouncer(nobody{}, pool, message.AnnouncerSettings{}), 1)
	if err := pool.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := p.Open(ctx, tx, p.id, "alice", []string{"bob"})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	p.say("one")
	p.out()
	p.say("two")
	p.back()
	p.out()
	p.back()
	p.say("three")
	p.change(func(ctx context.Context, tx pgx.Tx, r *message.Room) error {
		_, err := p.Recall(ctx, tx, r, 2, "alice", func(string, bool) error { return nil })
		return err
	})

	truth := support.Truth(t, pool)
	for _, want := range []chat.Seat{
		{Conversation: p.id, User: "alice"}, {Conversation: p.id, User: "bob", Left: 1, Gone: true},
		{Conversation: p.id, User: "bob", From: 2, Left: 2, Gone: true}, {Conversation: p.id, User: "bob", From: 2, Read: 2},
	} {
		if !slices.Contains(truth.Seats, want) {
			t.Errorf("%+v is not among %+v", want, truth.Seats)
		}
	}
	if len(truth.Seats) != 4 || truth.Last[p.id] != 3 || len(truth.Messages) != 3 {
		t.Errorf("the truth is %+v", truth)
	}
	one := chat.Stored{Conversation: p.id, Seq: 1, From: "alice", ClientMsgID: "one", Hash: chat.Hash(jsontext.Value(`{"text":"one"}`))}
	two := chat.Stored{Conversation: p.id, Seq: 2, From: "alice", ClientMsgID: "two", Hash: chat.Hash(jsontext.Value(`{}`)), Recalled: true}
	if !slices.Contains(truth.Messages, one) || !slices.Contains(truth.Messages, two) {
		t.Errorf("the messages are %+v", truth.Messages)
	}
}
