package message_test

import (
	"net/url"
	"testing"

	"bazaar/infra/chat"
)

// TestTwoDevicesOfOneUser: what one says the other sees, what is read on one is
// read on the other, and what one has missed it gets.
func TestTwoDevicesOfOneUser(t *testing.T) {
	h := open(t)
	c := h.cast(t)
	group := c.found("alice", "bob")
	phone, laptop, tablet := c.join("alice", "phone", 0), c.join("alice", "laptop", 1), c.join("alice", "tablet", 1)
	bob := c.join("bob", "phone", 0)
	tablet.Pause().Hold(true)
	sent := phone.says(group, "from my phone")
	for _, p := range []*person{phone, laptop, bob} {
		p.shows(group, sent.Seq)
		if n := p.sights(group, sent.Seq); n != 1 {
			t.Errorf("shown %d times", n)
		}
	}
	heard := bob.says(group, "heard")
	laptop.shows(group, heard.Seq)
	laptop.Read(group, heard.Seq)
	read := func(e chat.Event) bool {
		return e.Kind == chat.ReadMoved && e.Conversation == group && e.User == phone.name && e.Seq == heard.Seq
	}
	for _, p := range []*person{phone, bob} {
		eventually(t, "the cursor to be heard of", func() bool { return p.heard(read) })
	}
	tablet.Pause().Hold(false)
	tablet.shows(group, heard.Seq)
	eventually(t, "the tablet to know what was read", func() bool { return tablet.heard(read) })
	c.holds()
}

// TestADeviceHasOneSocket: it comes again on the other connector, and the older
// socket goes for good; that it says goodbye late takes nobody's place.
func TestADeviceHasOneSocket(t *testing.T) {
	h := open(t)
	c := h.cast(t)
	group := c.found("alice", "bob")
	older, other, bob := c.join("alice", "phone", 0), c.join("alice", "laptop", 0), c.join("bob", "phone", 1)
	newer := c.join("alice", "phone", 1)
	<-older.ran
	if code := stoppedBy(older.why); code != 4203 {
		t.Errorf("the older socket ended with %v", older.why)
	}
	bob.says(group, "who is there?")
	for _, p := range []*person{other, newer} {
		p.shows(group, 1)
	}
	_ = other.leave()
	if !c.isOnline(bob.name, newer.name) {
		t.Error("the newer socket is not known to be there")
	}
	_ = newer.leave()
	eventually(t, "alice to be away", func() bool { return !c.isOnline(bob.name, newer.name) })
	c.holds()
}

// isOnline asks as one user whether another is there.
func (c *cast) isOnline(asking, user string) bool {
	c.t.Helper()
	var found struct {
		Items []struct {
			Online bool `json:"online"`
		} `json:"items"`
	}
	c.call(c.t, c.token(c.t, asking), "GET", "sync-messages/presence?users="+url.QueryEscape(user), nil, 200, &found)
	return len(found.Items) == 1 && found.Items[0].Online
}
