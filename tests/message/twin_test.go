package message_test

import (
	"fmt"
	"testing"
)

// TestTheSameActFromTwoDevicesAtOnce over two connectors is one message, whose
// place both hear. Under the id of another message nothing is said.
func TestTheSameActFromTwoDevicesAtOnce(t *testing.T) {
	h := open(t)
	c := h.cast(t)
	const acts = 40 // what a socket may send at once
	group := c.found("alice", "bob")
	bob := c.join("bob", "laptop", 0)
	devices := []*wire{c.wire("alice", "phone", 0), c.wire("alice", "laptop", 1)}
	for n := range acts {
		for _, d := range devices {
			d.send(group, fmt.Sprint("act-", n), "the same")
		}
	}
	seen := map[int64]bool{}
	for n := range acts {
		first, second := devices[0].await("sent", fmt.Sprint("act-", n)), devices[1].await("sent", fmt.Sprint("act-", n))
		if first.Seq != second.Seq || first.MessageID != second.MessageID || first.Duplicate == second.Duplicate || seen[first.Seq] {
			t.Errorf("%s, and %s", first, second)
		}
		seen[first.Seq] = true
	}
	devices[1].send(group, "act-0", "something else")
	if l := devices[1].await("refused", "act-0"); l.Code != "client_msg_id_reused" || l.Retryable {
		t.Errorf("%s", l)
	}
	bob.shows(group, acts)
	if n := h.count(t, `select last_seq from message.conversation where conversation_id = $1`, group); n != acts {
		t.Errorf("%d messages are stored", n)
	}
	c.holds()
}
