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
	"bazaar/tests/support"
)

// nobody is told anything.
type nobody struct{}

func (nobody) Tell(...bus.Note) error      { return nil }
func (nobody) Flush(context.Context) error { return nil }
func (nobody) Connections() uint64         { return 1 }

// TestTheTruthHasEveryStay of somebody who left and came back, twice, and every
// message as it was said, or recalled.
func TestTheTruthHasEveryStay(t *testing.T) {
	t.Parallel()
	pool, store := support.Postgres(t), message.Store{}
	support.Stays(t, pool)
	support.Stays(t, pool) // again is no error
	id := message.NewGroupID()
	in := func(f func(ctx context.Context, tx pgx.Tx) error) {
		t.Helper()
		if err := pool.InTx(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	in(func(ctx context.Context, tx pgx.Tx) error {
		_, err := store.Open(ctx, tx, id, "alice", []string{"bob"})
		return err
	})
	poster := message.NewPoster(pool, message.NewAnnouncer(nobody{}, pool, message.AnnouncerSettings{}), 1)
	say := func(name string) {
		t.Helper()
		if _, err := poster.Post(t.Context(), message.Draft{Sender: "alice", Conversation: id, ClientMsgID: name, Kind: "text", Body: jsontext.Value(`{"text": "` + name + `"}`)}); err != nil {
			t.Fatal(err)
		}
	}
	change := func(f func(ctx context.Context, tx pgx.Tx, r *message.Room) error) {
		t.Helper()
		in(func(ctx context.Context, tx pgx.Tx) error {
			r, err := store.Lock(ctx, tx, id)
			if err != nil {
				return err
			}
			return f(ctx, tx, &r)
		})
	}
	out := func(ctx context.Context, tx pgx.Tx, r *message.Room) error {
		_, err := store.Remove(ctx, tx, r, []string{"bob"})
		return err
	}
	back := func(ctx context.Context, tx pgx.Tx, r *message.Room) error {
		_, err := store.Add(ctx, tx, r, message.Plain, []string{"bob"})
		return err
	}
	say("one")
	change(out)
	say("two")
	change(back)
	change(out)
	change(back)
	say("three")
	change(func(ctx context.Context, tx pgx.Tx, r *message.Room) error {
		_, err := store.Recall(ctx, tx, r, 2, "alice", func(string, bool) error { return nil })
		return err
	})

	truth := support.Truth(t, pool)
	for _, want := range []chat.Seat{
		{Conversation: id, User: "alice"}, {Conversation: id, User: "bob", Left: 1, Gone: true},
		{Conversation: id, User: "bob", From: 2, Left: 2, Gone: true}, {Conversation: id, User: "bob", From: 2, Read: 2},
	} {
		if !slices.Contains(truth.Seats, want) {
			t.Errorf("%+v is not among %+v", want, truth.Seats)
		}
	}
	if len(truth.Seats) != 4 || truth.Last[id] != 3 || len(truth.Messages) != 3 {
		t.Errorf("the truth is %+v", truth)
	}
	one := chat.Stored{Conversation: id, Seq: 1, From: "alice", ClientMsgID: "one", Hash: chat.Hash(jsontext.Value(`{"text":"one"}`))}
	two := chat.Stored{Conversation: id, Seq: 2, From: "alice", ClientMsgID: "two", Hash: chat.Hash(jsontext.Value(`{}`)), Recalled: true}
	if !slices.Contains(truth.Messages, one) || !slices.Contains(truth.Messages, two) {
		t.Errorf("the messages are %+v", truth.Messages)
	}
}
