package message_test

import (
	"testing"
	"time"

	"bazaar/infra/chat"
)

// talkers are three on both connectors, with their group, who have heard each other.
func (c *cast) talkers() (group string, people []*person) {
	c.t.Helper()
	group = c.found("ann", "ben", "cleo")
	for i, name := range []string{"ann", "ben", "cleo"} {
		people = append(people, c.join(name, "phone", i%2))
	}
	people[0].says(group, "hello")
	for _, p := range people {
		p.shows(group, 1)
	}
	return group, people
}

// TestRedisIsEmptiedAndRestarted: messages go on as if nothing was, and who is
// there is known again soon.
func TestRedisIsEmptiedAndRestarted(t *testing.T) {
	h := open(t)
	c := h.cast(t)
	group, people := c.talkers()
	spoken := c.talking(group, 40, people...)
	people[1].shows(group, 10)
	h.empty(t)
	people[1].shows(group, 40)
	h.restart(t, "redis")
	h.empty(t) // whatever it had kept
	h.trust(t)
	total := spoken() + 1
	for _, p := range people {
		p.shows(group, total)
	}
	began := time.Now()
	for _, p := range people {
		eventually(t, p.name+" to be known to be there", func() bool { return c.isOnline(people[0].name, p.name) })
	}
	t.Logf("who is there is known again after %s", time.Since(began))
	c.join("dan", "phone", 1)
	if !c.isOnline(people[0].name, c.named("dan")) {
		t.Error("who comes now is not known to be there")
	}
	c.holds()
}

// TestNATSIsRestarted while people speak: what they say is stored, and everybody
// sees what was told to nobody.
func TestNATSIsRestarted(t *testing.T) {
	h := open(t)
	c := h.cast(t)
	group, people := c.talkers()
	spoken := c.talking(group, 40, people...)
	people[1].shows(group, 20)
	h.restart(t, "nats")
	total := spoken() + 1
	began := time.Now()
	for _, p := range people {
		p.shows(group, total)
	}
	t.Logf("all is seen %s after the last was stored", time.Since(began))
	c.holds()
}

// TestPostgresIsRestarted while people speak: nobody is told that a message is
// stored which is not, each is stored once by its retries, and the connectors
// stay.
func TestPostgresIsRestarted(t *testing.T) {
	h := open(t)
	c := h.cast(t)
	group, people := c.talkers()
	pids := h.Pids(t, "connector")
	spoken := c.talking(group, 30, people...)
	people[1].shows(group, 20)
	h.restart(t, "postgres")
	total := spoken() + 1
	for _, p := range people {
		p.shows(group, total)
		if p.State() != chat.Ready {
			t.Errorf("%s is %s", p.name, p.State())
		}
	}
	if n := h.count(t, `select count(*) from message.message where conversation_id = $1`, group); n != total {
		t.Errorf("%d messages are stored of %d", n, total)
	}
	for i, pid := range h.Pids(t, "connector") {
		if pid != pids[i] {
			t.Error("a connector was started again")
		}
	}
	c.holds()
}
