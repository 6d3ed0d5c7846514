package connector_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"bazaar/infra/connector"
	"bazaar/shared/group"
	"bazaar/shared/message"
)

// slowly is a directory that takes its time.
type slowly struct {
	connector.Directory
	delay *atomic.Int64
}

func (d slowly) ChangesSince(ctx context.Context, conversation string, version int64) (message.Head, []message.Change, error) {
	timer := time.NewTimer(time.Duration(d.delay.Load()))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return message.Head{}, nil, ctx.Err()
	}
	return d.Directory.ChangesSince(ctx, conversation, version)
}

// TestWhoWasRemovedGetsNotOneMore: the word of the removal is lost, and the next
// message comes at once; however long the store takes to answer. Put back in,
// the user gets what comes from then on.
func TestWhoWasRemovedGetsNotOneMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	delay := &atomic.Int64{}
	n := w.open(options{directory: slowly{connector.NewDirectory(w.pool), delay}})
	for i, d := range []time.Duration{0, 500 * time.Millisecond, 2 * time.Second} {
		delay.Store(0)
		g := w.found("alice", "bob", "carol")
		alice, bob, carol := w.join(n, "alice", fmt.Sprint(i)), w.join(n, "bob", fmt.Sprint(i)), w.join(n, "carol", fmt.Sprint(i))
		alice.send(g, "first"+fmt.Sprint(i))
		bob.await("message", "conversation", g, "seq", 1)
		delay.Store(int64(d))
		w.remove(g, "bob")
		alice.send(g, "second"+fmt.Sprint(i))
		alice.await("sent", "seq", 2)
		bob.await("event", "conversation", g, "kind", "member", "user", "bob", "change", "removed")
		if d < time.Second {
			carol.await("message", "conversation", g, "seq", 2)
		} else {
			carol.await("hint", "conversation", g, "last_seq", 2)
		}
		w.post("alice", g, "third"+fmt.Sprint(i))
		carol.await("message", "conversation", g, "seq", 3)
		delay.Store(0)
		room := w.add(g, "bob")
		must(t, w.bus.Tell(group.Changed{Conversation: g, Version: room.Version, FromSeq: room.LastSeq, LastSeq: room.LastSeq, By: "alice"}.Note("bob")))
		w.post("alice", g, "fourth"+fmt.Sprint(i))
		bob.await("message", "conversation", g, "seq", 4)
		if bob.heard("message", "conversation", g, "seq", 2) || bob.heard("message", "conversation", g, "seq", 3) {
			t.Errorf("answers after %s: bob, who was out, heard %v", d, bob.seen)
		}
	}
}

// TestWhoLeavesIsTold: the word of group.changed is enough, without a message.
func TestWhoLeavesIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(options{})
	g := w.found("alice", "bob")
	bob, tablet := w.join(n, "bob", "phone"), w.join(n, "bob", "tablet")
	room := w.remove(g, "bob")
	must(t, w.bus.Tell(group.Changed{Conversation: g, Version: room.Version, LastSeq: room.LastSeq, Gone: true, By: "bob"}.Note("bob")))
	for _, p := range []*person{bob, tablet} {
		p.await("event", "conversation", g, "kind", "member", "user", "bob", "change", "left")
	}
}
