package connector_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"bazaar/infra/connector"
	"bazaar/shared/presence"
)

// mute keeps from its node whom it replaces: the notices are lost.
type mute struct{ connector.Presences }

func (m mute) Hold(ctx context.Context, x presence.Session, active time.Time) (presence.Held, error) {
	held, err := m.Presences.Hold(ctx, x, active)
	held.Replaced = nil
	return held, err
}

// TestWhoWasReplacedFindsOut with the next renewal, when nobody says so.
func TestWhoWasReplacedFindsOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one := w.open(options{})
	two := w.open(options{presence: func(p connector.Presences) connector.Presences { return mute{p} }})
	older := w.join(one, "alice", "laptop")
	newer := w.join(two, "alice", "laptop")
	awaitFor(t, presence.HoldEvery+patience, "the older to be closed", func() bool { return !older.open() })
	if code := older.code(); code != 4203 {
		t.Errorf("the older was closed with %d", code)
	}
	newer.say(line{"t": "ping"})
	newer.await("pong")
}

// heldBack renews the sessions of a user only when it is let.
type heldBack struct {
	connector.Presences
	user       string
	begun, let chan struct{}
	over       chan struct{}
}

func (h heldBack) HoldAll(ctx context.Context, all []presence.Holding) ([]presence.Held, []error) {
	if slices.ContainsFunc(all, func(x presence.Holding) bool { return x.User == h.user }) {
		close(h.begun)
		<-h.let
		defer close(h.over)
		ctx = context.WithoutCancel(ctx)
	}
	return h.Presences.HoldAll(ctx, all)
}

// TestWhoLeavesWhileItIsRenewedIsGone: the renewal comes after the goodbye, and
// would have the user there for as long as a lease lasts.
func TestWhoLeavesWhileItIsRenewedIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := heldBack{user: "alice", begun: make(chan struct{}), let: make(chan struct{}), over: make(chan struct{})}
	one := w.open(options{presence: func(p connector.Presences) connector.Presences { h.Presences = p; return h }})
	alice := w.join(one, "alice", "laptop")
	look := presence.NewStore(w.redis, 0)
	there := func() bool {
		found, err := look.Look(t.Context(), []string{"alice"})
		must(t, err)
		return found["alice"].Online
	}
	awaitFor(t, presence.HoldEvery+patience, "the renewal", func() bool {
		select {
		case <-h.begun:
			return true
		default:
			return false
		}
	})
	must(t, alice.conn.CloseNow())
	await(t, "the goodbye", func() bool { return !there() })
	close(h.let)
	<-h.over
	await(t, "another goodbye", func() bool { return !there() })
}
