package message_test

import (
	"bytes"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
)

// TestTheAnswerIsLostTenTimes: the message is stored by the first attempt, and
// nobody is told. Each further attempt finds it, and the one whose answer arrives
// says which it is.
func TestTheAnswerIsLostTenTimes(t *testing.T) {
	h := open(t)
	c := h.cast(t)
	group := c.found("alice", "bob")
	bob, alice := c.join("bob", "laptop", 1), c.wire("alice", "phone", 0)
	id := uuid.NewString()
	var left atomic.Int32
	left.Store(10)
	h.door.set(func(body []byte) bool { return bytes.Contains(body, []byte(id)) && left.Add(-1) >= 0 })
	for n := range 10 {
		alice.send(group, id, "hello")
		if l := alice.await("refused", id); l.Code != "unavailable" || !l.Retryable {
			t.Fatalf("attempt %d: %s", n, l)
		}
	}
	alice.send(group, id, "hello")
	if l := alice.await("sent", id); l.Seq != 1 || !l.Duplicate || l.Conversation != group {
		t.Errorf("%s", l)
	}
	bob.shows(group, 1)
	if n := h.count(t, `select count(*) from message.message where conversation_id = $1`, group); n != 1 {
		t.Errorf("%d messages are stored", n)
	}
	bob.says(group, "and on")
	c.holds()
}

// TestTheLinkIsCutBeforeTheAnswer: a client whose link ends each time when its
// message is stored, and not answered, gets to know, and says it once.
func TestTheLinkIsCutBeforeTheAnswer(t *testing.T) {
	h := open(t)
	c := h.cast(t)
	group := c.found("alice", "bob")
	alice, bob := c.join("alice", "phone", 0), c.join("bob", "laptop", 1)
	var cuts atomic.Int32
	h.door.set(func(body []byte) bool {
		if !bytes.Contains(body, []byte("cut off")) || cuts.Add(1) > 3 {
			return false
		}
		alice.Pause().Cut()
		return true
	})
	sent := alice.says(group, "cut off")
	bob.shows(group, sent.Seq)
	if sent.Seq != 1 || cuts.Load() == 0 || alice.sights(group, 1) != 1 {
		t.Errorf("%+v after %d cuts, shown %d times", sent, cuts.Load(), alice.sights(group, 1))
	}
	alice.says(group, "and on")
	c.holds()
}
