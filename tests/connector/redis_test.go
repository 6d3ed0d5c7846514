package connector_test

import (
	"context"
	"testing"
	"time"

	"bazaar/shared/presence"
)

// TestRedisIsAway, and comes back empty: sockets live on, others are let in, every
// message comes, and a round of heartbeats later it is known again who is there.
func TestRedisIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.open(options{}), w.open(options{})
	g := w.found("alice", "bob", "carol")
	alice, bob := w.join(one, "alice", "d"), w.join(two, "bob", "d")
	leaver := w.join(one, "leaver", "d")
	w.store.Kill()
	alice.send(g, "m1")
	bob.await("message", "client_msg_id", "m1")
	carol := w.join(two, "carol", "d")
	bob.send(g, "m2")
	for _, p := range []*person{alice, carol} {
		p.await("message", "client_msg_id", "m2")
	}
	_ = leaver.conn.CloseNow() // nobody can be told
	if n := one.count(`connector_presence_failures_total{outcome="failed"}`) + two.count(`connector_presence_failures_total{outcome="failed"}`); n == 0 {
		t.Error("Redis was not missed: the test shows nothing")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, w.store.Start(ctx))
	back := time.Now()
	look := presence.NewStore(w.redis, 0)
	there := func() int {
		all, err := look.Look(t.Context(), []string{"alice", "bob", "carol"})
		n := 0
		for _, p := range all {
			if err == nil && p.Online {
				n++
			}
		}
		return n
	}
	for late := time.After(presence.HoldEvery + 5*time.Second); there() < 3; {
		select {
		case <-late:
			t.Fatalf("%d of 3 are known to be there", there())
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Logf("everybody is known again after %s", time.Since(back))
	if all, err := look.Look(t.Context(), []string{"leaver"}); err != nil || all["leaver"].Online {
		t.Errorf("who has left meanwhile: %+v, %v", all, err)
	}
	alice.send(g, "m3")
	for _, p := range []*person{bob, carol} {
		p.await("message", "client_msg_id", "m3")
		if p.heard("hint") || p.heard("bye") {
			t.Errorf("%s heard %v", p.name, p.seen)
		}
	}
	// The policy of devices holds again: a newer socket of a device ends the older.
	w.join(one, "bob", "d")
	if code := bob.code(); code != 4203 {
		t.Errorf("bob's older socket was closed with %d", code)
	}
}
