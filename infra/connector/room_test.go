package connector

import (
	"testing"

	"github.com/nats-io/nats.go"

	"bazaar/infra/connector/socket"
	"bazaar/shared/message"
)

func TestWhoSentALineDoesNotGetIt(t *testing.T) {
	t.Parallel()
	m := message1(1, 5)
	m.Data = []byte("{1}\n{2}\n{3}\n{4}")
	m.Header.Set(message.HeaderSockets, "node-7,,other-7,node-8")
	d := newDelivery("g", "node", m, at(0))
	for serial, want := range map[uint64]string{7: "{2}\n{3}\n{4}", 8: "{1}\n{2}\n{3}"} {
		if got := d.except[serial]; got.Len() != socket.Text([]byte(want)).Len() {
			t.Errorf("socket %d gets %d bytes, not those of %q", serial, got.Len(), want)
		}
	}
	if len(d.except) != 2 {
		t.Errorf("%d sockets get something else", len(d.except))
	}
	m.Header.Set(message.HeaderSockets, "node-7,node-7,node-7,node-7")
	if d = newDelivery("g", "node", m, at(0)); len(d.except) != 1 || d.except[7].Len() != 0 {
		t.Errorf("who sent all of it gets %v", d.except)
	}
	m.Header.Set(message.HeaderSockets, "node-7")
	if d = newDelivery("g", "node", m, at(0)); len(d.except) != 0 {
		t.Error("lines and senders do not go together, and something is left out")
	}
	for name, want := range map[string]bool{"node-7": true, "node-": false, "node-x": false, "nod-7": false, "node2-7": false, "": false} {
		if _, ours := ownSocket("node", name); ours != want {
			t.Errorf("%q is ours: %t", name, ours)
		}
	}
}

func TestWhatAReceiverGets(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		d    delivery
		seat seat
		want passage
	}{
		"a message":                          {delivery{first: 5, last: 6, version: 2}, seat{from: 4, since: 1}, passes},
		"of before":                          {delivery{first: 5, last: 6, version: 2}, seat{from: 6, since: 3}, dropped},
		"partly of before":                   {delivery{first: 5, last: 6, version: 2}, seat{from: 5, since: 2}, hinted},
		"a message after another role":       {delivery{first: 5, last: 5, version: 2}, seat{from: 1, since: 4}, passes},
		"an event":                           {delivery{version: 2}, seat{from: 9, since: 2}, passes},
		"an event of before":                 {delivery{version: 2}, seat{since: 3}, dropped},
		"an event for all who listen":        {delivery{}, seat{since: 3}, passes},
		"for somebody else":                  {delivery{only: "b"}, seat{}, dropped},
		"for the user":                       {delivery{only: "a"}, seat{}, passes},
		"for the user, of before":            {delivery{only: "a", version: 1}, seat{since: 2}, dropped},
		"messages for somebody else, before": {delivery{only: "b", first: 1, last: 2}, seat{from: 1}, dropped},
	} {
		if got := c.d.outcome("a", c.seat); got != c.want {
			t.Errorf("%s: %d, not %d", name, got, c.want)
		}
	}
	if message1(1, 1).Header.Get(message.HeaderFrame) != message.FrameMessage {
		t.Error("the test's messages are none")
	}
	typing := newDelivery("g", "", &nats.Msg{Header: nats.Header{message.HeaderFrame: {message.FrameTyping}}}, at(0))
	if !typing.ephemeral() || typing.class() != socket.Ephemeral {
		t.Error("typing is not dropped first")
	}
}

func TestTypingNeverWaits(t *testing.T) {
	t.Parallel()
	s := newScene()
	s.sit(t, person("a"), place1("a", 3, 0, 10))
	m := event1(4)
	m.Header.Set(message.HeaderFrame, message.FrameTyping)
	s.hear(m, at(0))
	if r := s.rooms["g"]; len(r.fence.held) != 0 || len(s.asked) != 1 {
		t.Errorf("%d wait, %d questions", len(r.fence.held), len(s.asked))
	}
}

func TestOnlySoMuchWaits(t *testing.T) {
	t.Parallel()
	s := newScene()
	s.sit(t, person("a"), place1("a", 3, 0, 10))
	for seq := int64(11); seq < 11+maxHeld+3; seq++ {
		s.hear(message1(4, seq), at(0))
	}
	if r := s.rooms["g"]; len(r.fence.held) != maxHeld || len(s.hints) != 3 {
		t.Errorf("%d wait, %d hints", len(r.fence.held), len(s.hints))
	}
}
