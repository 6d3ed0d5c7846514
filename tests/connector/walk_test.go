package connector_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bazaar/shared/message"
)

// TestAMessageReachesTheOthers is the whole way: a token, the heads, a message, its
// answer, and the others on this node and on another one.
func TestAMessageReachesTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.open(options{}), w.open(options{})
	g := w.found("alice", "bob", "carol")
	w.post("bob", g, "before")
	alice, phone := w.join(one, "alice", "laptop"), w.join(two, "alice", "phone")
	bob, carol := w.join(one, "bob", "d"), dial(t, two, nil)
	carol.name = "carol"
	hello := carol.await("hello")
	if len(hello["session"].(string)) != 22 || !hello.has("heartbeat_ms", 25000) {
		t.Errorf("hello %v", hello)
	}
	carol.say(line{"t": "auth", "token": w.token("carol", time.Hour, "s"), "device": "d", "resume": "x"})
	ready := carol.await("ready")
	if heads := ready["heads"].(map[string]any); ready["user"] != "carol" || heads[g] != 1.0 || len(heads) != 1 {
		t.Errorf("ready %v", ready)
	}
	alice.send(g, "m1")
	sent := alice.await("sent", "client_msg_id", "m1")
	if !sent.has("conversation", g, "seq", 2, "duplicate", false, "message_id", message.IDOf("alice", "m1")) {
		t.Errorf("sent %v", sent)
	}
	for _, p := range []*person{phone, bob, carol} {
		if m := p.await("message", "seq", 2); !m.has("conversation", g, "from", "alice", "client_msg_id", "m1", "kind", "text") {
			t.Errorf("%s got %v", p.name, m)
		}
	}
	bob.send(g, "m2")
	alice.await("message", "seq", 3)
	if alice.heard("message", "seq", 2) {
		t.Error("the socket that sent it got it, too")
	}
	alice.send(g, "m1")
	alice.await("sent", "client_msg_id", "m1", "seq", 2, "duplicate", true)
}

// TestAnOrderIsKept: a sender's messages are stored in the order in which they
// were sent, whatever their number.
func TestAnOrderIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(options{})
	g := w.found("alice", "bob")
	alice, bob := w.join(n, "alice", "d"), w.join(n, "bob", "d")
	const many = 30
	for i := range many {
		alice.send(g, fmt.Sprintf("m%d", i))
	}
	for i := range many {
		bob.await("message", "seq", i+1, "client_msg_id", fmt.Sprintf("m%d", i))
	}
	if bob.heard("hint") {
		t.Error("something was missing on the way")
	}
}

// TestANewDirectConversationArrives: nobody listened to it before its first
// message.
func TestANewDirectConversationArrives(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.open(options{}), w.open(options{})
	alice, bob := w.join(one, "alice", "d"), w.join(two, "bob", "d")
	alice.say(line{"t": "send", "to": "bob", "client_msg_id": "m1", "kind": "text", "body": line{"text": "hi"}})
	c := alice.await("sent")["conversation"].(string)
	// The first came before bob's node listened, perhaps: then there is a hint.
	await(t, "a word of the first message", func() bool {
		return bob.heard("message", "seq", 1) || bob.heard("hint", "conversation", c, "last_seq", 1)
	})
	alice.say(line{"t": "send", "to": "bob", "client_msg_id": "m2", "kind": "text", "body": line{"text": "hi"}})
	bob.await("message", "conversation", c, "seq", 2)
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(options{})
	g, other := w.found("alice"), w.found("bob")
	alice := w.join(n, "alice", "d")
	alice.send(g, "m1")
	alice.await("sent")
	alice.send(other, "m2")
	alice.await("refused", "client_msg_id", "m2", "code", "not_found", "retryable", false)
	alice.say(line{"t": "send", "conversation": g, "client_msg_id": "m1", "kind": "text", "body": line{"text": "else"}})
	alice.await("refused", "client_msg_id", "m1", "code", "client_msg_id_reused", "retryable", false)
	alice.say(line{"t": "send", "conversation": g, "client_msg_id": "m3", "kind": "text", "from": "bob", "seq": 9, "body": line{}})
	alice.await("sent", "client_msg_id", "m3", "seq", 2)
	alice.raw(`{"t":"dance"}`)
	alice.await("error", "code", "unknown_type", "ref", "dance")
	w.gateway.CloseClientConnections()
	w.gateway.Config.Close() //nolint:errcheck // so that nobody answers
	alice.send(g, "m4")
	alice.await("refused", "client_msg_id", "m4", "code", "unavailable", "retryable", true)
	alice.raw(strings.Repeat("no\n", 12))
	if code := alice.code(); code != 4205 {
		t.Errorf("after ten mistakes: %d", code)
	}
}

func TestTypingAndPresence(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.open(options{}), w.open(options{})
	g := w.found("alice", "bob")
	alice := w.join(one, "alice", "d")
	alice.say(line{"t": "presence", "users": []string{"bob", "nobody"}})
	alice.await("presence", "user", "bob", "online", false)
	bob := w.join(two, "bob", "d")
	alice.await("presence", "user", "bob", "online", true)
	alice.say(line{"t": "typing", "conversation": g})
	bob.await("typing", "conversation", g, "user", "alice")
	bob.say(line{"t": "typing", "conversation": "g_unknown"})
	_ = bob.conn.CloseNow()
	alice.await("presence", "user", "bob", "online", false)
	if alice.heard("typing") {
		t.Error("alice heard of typing that was not for her")
	}
}
