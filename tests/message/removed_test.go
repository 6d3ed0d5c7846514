package message_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"bazaar/infra/chat"
	"bazaar/shared/message"
)

// TestRemovedWhileMessagesFly: three speak while a fourth, on both connectors, is
// taken out of the group, and no connector hears of it. Not one message more is
// shown to it. It comes back, which nobody hears of either, and sees what is said
// from there on.
func TestRemovedWhileMessagesFly(t *testing.T) {
	h := open(t)
	c := h.cast(t)
	group := c.found("owner", "ann", "ben", "cleo", "dan")
	speakers := []*person{c.join("ann", "phone", 0), c.join("ben", "phone", 1), c.join("cleo", "phone", 1)}
	removed := []*person{c.join("dan", "phone", 0), c.join("dan", "laptop", 1)}
	for _, p := range removed {
		p.shows(group, speakers[0].says(group, "while you are here").Seq)
	}
	spoken := c.talking(group, 60, speakers...)
	removed[0].shows(group, 20)
	left := c.silently(group, func(ctx context.Context, tx pgx.Tx, r *message.Room) error {
		_, err := message.Store{}.Remove(ctx, tx, r, []string{removed[0].name})
		return err
	})
	total := spoken() + int64(len(removed))
	if left < 20 || left >= total {
		t.Fatalf("dan left at %d of %d: nothing was flying", left, total)
	}
	for _, p := range removed {
		eventually(t, "dan to know", func() bool {
			return p.heard(func(e chat.Event) bool { return e.Kind == chat.Removed && e.Conversation == group })
		})
		if n := p.beyond(group, left, total); n > 0 {
			t.Errorf("%d messages were shown to dan after it had left at %d", n, left)
		}
	}
	speakers[0].says(group, "without you")
	from := c.silently(group, func(ctx context.Context, tx pgx.Tx, r *message.Room) error {
		_, err := message.Store{}.Add(ctx, tx, r, message.Plain, []string{removed[0].name})
		return err
	})
	last := speakers[1].says(group, "welcome back").Seq
	for _, p := range removed {
		p.shows(group, last)
		if n := p.beyond(group, left, from); n > 0 || p.sights(group, last) != 1 {
			t.Errorf("%d messages of its absence were shown to dan, and what came then %d times", n, p.sights(group, last))
		}
	}
	c.stays = append(c.stays, chat.Seat{Conversation: group, User: removed[0].name, Left: left, Gone: true})
	c.holds()
}

// silently changes the members of a group, of which nobody is told, and gives
// the last message's number at that moment.
func (c *cast) silently(group string, change func(ctx context.Context, tx pgx.Tx, r *message.Room) error) (last int64) {
	c.t.Helper()
	err := c.Pool.InTx(c.t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		r, err := message.Store{}.Lock(ctx, tx, group)
		if err != nil {
			return err
		}
		last = r.LastSeq
		return change(ctx, tx, &r)
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return last
}

// beyond counts what was shown of a conversation above one seq and up to another.
func (p *person) beyond(conversation string, above, upTo int64) (n int) {
	for _, s := range p.Record().Shown {
		if s.Conversation == conversation && s.Seq > above && s.Seq <= upTo {
			n++
		}
	}
	return n
}
