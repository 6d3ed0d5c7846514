package message_test

import (
	"testing"
	"time"

	"bazaar/shared/message"
)

// TestTheVeryLastMessageIsLost: it is stored, nothing is told of it, and nothing
// comes after it. The sweep notices, and everybody who is connected sees it
// within a heartbeat.
func TestTheVeryLastMessageIsLost(t *testing.T) {
	h := open(t)
	c := h.cast(t)
	group := c.found("alice", "bob")
	alice, bob := c.join("alice", "phone", 0), c.join("bob", "laptop", 1)
	alice.says(group, "heard")
	bob.shows(group, 1)
	began := time.Now()
	lost := h.whisper(t, message.Draft{Sender: alice.name, Conversation: group})
	bob.shows(group, lost.Seq)
	alice.shows(group, lost.Seq)
	took := time.Since(began)
	t.Logf("seen after %s", took)
	if took > heartbeat {
		t.Error("that is more than a heartbeat")
	}
	c.holds()
}

// TestANewConversationIsLost: somebody is written to for the first time, and
// hears neither that there is a conversation, nor the message.
func TestANewConversationIsLost(t *testing.T) {
	h := open(t)
	c := h.cast(t)
	alice, bob := c.join("alice", "phone", 0), c.join("bob", "laptop", 1)
	began := time.Now()
	lost := h.whisper(t, message.Draft{Sender: alice.name, To: bob.name})
	bob.shows(lost.Conversation, lost.Seq)
	alice.shows(lost.Conversation, lost.Seq)
	took := time.Since(began)
	t.Logf("seen after %s", took)
	if took > heartbeat {
		t.Error("that is more than a heartbeat")
	}
	alice.says(lost.Conversation, "from now on it is heard")
	bob.shows(lost.Conversation, 2)
	c.holds()
}
