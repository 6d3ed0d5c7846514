package connector_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"bazaar/infra/connector"
)

// TestATokenEnds: the socket with it, unless a fresh one comes before.
func TestATokenEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(options{})
	const ttl = 4 * time.Second
	one := w.enter(n, "alice", "one", w.token("alice", ttl, "s"))
	began := time.Now()
	two := w.enter(n, "alice", "two", w.token("alice", ttl, "s"))
	three := w.enter(n, "carol", "d", w.token("carol", time.Hour, "s"))
	two.say(line{"t": "token", "token": "a.b.c"})
	two.await("error", "code", "invalid_token")
	two.say(line{"t": "token", "token": w.token("alice", time.Hour, "s")})
	three.say(line{"t": "token", "token": w.token("alice", time.Hour, "s")})
	if code := three.code(); code != 4201 {
		t.Errorf("with somebody else's token: %d", code)
	}
	if code := one.code(); code != 4202 || time.Since(began) > ttl+time.Second {
		t.Errorf("closed with %d after %s", code, time.Since(began))
	}
	two.say(line{"t": "ping"})
	two.await("pong")
}

// TestASignOutEndsItsSockets within five seconds, on every node, and no other's.
func TestASignOutEndsItsSockets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.open(options{}), w.open(options{})
	session := uuid.NewString()
	token := w.token("alice", time.Hour, session)
	laptop, phone := w.enter(one, "alice", "laptop", token), w.enter(two, "alice", "phone", token)
	bob := w.join(one, "bob", "d")
	_, err := w.pool.Exec(t.Context(), `insert into identity.revocation (session_id, until) values ($1, now() + interval '1 hour')`, session)
	must(t, err)
	began := time.Now()
	for _, p := range []*person{laptop, phone} {
		if code := p.code(); code != 4203 {
			t.Errorf("closed with %d", code)
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	again := dial(t, one, nil)
	again.raw(auth1(token))
	if code := again.code(); code != 4201 {
		t.Errorf("the same token again: %d", code)
	}
	bob.say(line{"t": "ping"})
	bob.await("pong")
}

// TestADeviceIsReplaced: by its own newer socket, on another node too, and a
// user's eleventh ends the oldest.
func TestADeviceIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.open(options{}), w.open(options{})
	first := w.join(one, "alice", "laptop")
	second := w.join(two, "alice", "laptop")
	if code := first.code(); code != 4203 {
		t.Errorf("the first was closed with %d", code)
	}
	third := w.join(two, "alice", "laptop")
	if code := second.code(); code != 4203 {
		t.Errorf("the second was closed with %d", code)
	}
	for i := range 10 {
		w.join(one, "alice", strings.Repeat("x", i+1))
	}
	if code := third.code(); code != 4203 {
		t.Errorf("the oldest of eleven was closed with %d", code)
	}
}

// TestWhoIsSilentIsPingedAndThenGone.
func TestWhoIsSilentIsPingedAndThenGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(options{settings: func(s *connector.Settings) { s.Heartbeat = 500 * time.Millisecond }})
	began := time.Now()
	silent, speaks := w.join(n, "alice", "d"), w.join(n, "bob", "d")
	silent.await("ping")
	for silent.open() {
		speaks.await("ping")
		speaks.say(line{"t": "pong"})
	}
	if code := silent.code(); code != 4003 || time.Since(began) < 6*time.Second {
		t.Errorf("closed with %d after %s", code, time.Since(began))
	}
	speaks.say(line{"t": "ping"})
	speaks.await("pong")
}

// TestReadMarksAreBroughtOn: the highest, once a second, and at the end.
func TestReadMarksAreBroughtOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(options{})
	alice := w.join(n, "alice", "d")
	for _, seq := range []int{3, 9, 7, 12} {
		alice.say(line{"t": "read", "conversation": "g1", "seq": seq})
	}
	alice.say(line{"t": "ping"})
	alice.await("pong")
	alice.say(line{"t": "read", "conversation": "g2", "seq": 1})
	alice.say(line{"t": "ping"})
	alice.await("pong")
	_ = alice.conn.Close(1000, "")
	has := func(mark string) bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, m := range w.marks {
			if m == mark {
				return true
			}
		}
		return false
	}
	await(t, "the last marks", func() bool { return has("alice g1 12") && has("alice g2 1") })
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.marks) > 4 {
		t.Errorf("%d calls for five marks: %q", len(w.marks), w.marks)
	}
}
