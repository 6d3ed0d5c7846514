package connector_test

import (
	"testing"
	"time"

	"bazaar/shared/message"
)

// TestTheVeryLastMessageIsLost: nothing comes after it that would show the gap.
// The sweep tells of it, and a ping.
func TestTheVeryLastMessageIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(options{})
	g := w.found("alice", "bob")
	alice, bob := w.join(n, "alice", "d"), w.join(n, "bob", "d")
	alice.send(g, "m1")
	bob.await("message", "seq", 1)
	w.silent.Store(true)
	alice.send(g, "m2")
	alice.await("sent", "seq", 2)
	w.sweep()
	for _, p := range []*person{alice, bob} {
		await(t, p.name+" to be pinged with the head", func() bool {
			p.heard("")
			for _, l := range p.seen {
				if heads, ok := l["heads"].(map[string]any); ok && l.is("ping") && heads[g] == 2.0 {
					return true
				}
			}
			return false
		})
	}
	if bob.heard("message", "seq", 2) {
		t.Error("the message was not lost: the test shows nothing")
	}
}

// TestANewConversationWhoseWordsAreLost: neither group.changed nor the message is
// heard. The sweep's rows seat its users, and hint.
func TestANewConversationWhoseWordsAreLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(options{})
	bob := w.join(n, "bob", "d")
	w.silent.Store(true)
	p, err := w.poster.Post(t.Context(), message.Draft{Sender: "alice", To: "bob", ClientMsgID: "m1", Kind: "text", Body: []byte(`{}`)})
	must(t, err)
	w.sweep()
	bob.await("hint", "conversation", p.Conversation, "last_seq", 1)
	w.silent.Store(false)
	// It is heard as soon as the hint was given and the server knows.
	await(t, "the room to be heard", func() bool {
		return w.post("alice", p.Conversation, message.NewGroupID()).Seq > 1 && bob.heard("message", "conversation", p.Conversation)
	})
}

// TestNATSAway: what was told meanwhile is not heard, and found afterwards.
func TestNATSAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(options{})
	g := w.found("alice", "bob")
	bob := w.join(n, "bob", "d")
	w.silent.Store(true)
	w.post("alice", g, "m1")
	w.nats.Stop()
	w.remove(g, "alice")
	w.nats.Start()
	late := time.Now()
	await(t, "bob to be pinged", func() bool {
		bob.heard("")
		for _, l := range bob.seen {
			if heads, ok := l["heads"].(map[string]any); ok && l.is("ping") && heads[g] == 1.0 {
				return true
			}
		}
		return false
	})
	t.Logf("after %s", time.Since(late))
	if !n.Ready() {
		await(t, "the node to be ready again", n.Ready)
	}
}
