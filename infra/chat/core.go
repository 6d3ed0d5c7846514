package chat

import (
	"errors"
	"maps"
	"slices"
	"time"
)

// core is everything that a client knows and decides. It does nothing by
// itself: it is told what happened, with the time, and plan says what to do.
type core struct {
	terms  terms
	user   string
	device string
	random func() float64 // in [0, 1)

	link  link
	token token
	box   outbox
	sync  syncer
	talks map[string]*talk
	peers map[string]string // user -> the direct conversation with them

	body      int      // the most bytes that the server takes for a body
	watched   []string // users whose presence is wanted
	out       [][]byte // lines to be written, beside messages
	cut       bool     // the connection is to be cut
	stopped   *Stopped
	saveAt    time.Time // something is to be saved then; zero: nothing
	saveAfter time.Time // and not before, since it failed
	events    []Event
	record    Record
}

func newCore(o Options, t terms, random func() float64) *core {
	return &core{
		terms: t, user: o.User, device: o.Device, random: random,
		link: newLink(t, len(o.Sockets), random()), box: outbox{terms: t},
		sync:  syncer{terms: t, heard: map[string]bool{}, gone: map[string]bool{}},
		talks: map[string]*talk{}, peers: map[string]string{},
		body: 16 << 10, record: Record{User: o.User, Device: o.Device, Whole: o.Record},
	}
}

// restore begins where an earlier life ended.
func (c *core) restore(s Saved) {
	for _, d := range s.Outbox {
		c.box.add(d, true)
	}
	maps.Copy(c.peers, s.Peers)
	for id, kept := range s.Conversations {
		c.talks[id] = &talk{id: id, kind: kept.Kind, timeline: restore(kept), read: kept.Read, wanted: kept.Wanted, marks: map[string]int64{}}
		c.record.began(id, kept.Cursor)
		for _, m := range kept.Messages {
			c.record.saw(m, false, true)
		}
	}
}

func (c *core) snapshot() Saved {
	s := Saved{Outbox: c.box.drafts(), Conversations: make(map[string]Kept, len(c.talks)), Peers: maps.Clone(c.peers)}
	for id, k := range c.talks {
		kept := Kept{Kind: k.kind, Cursor: k.cursor, Read: k.read, Wanted: k.wanted}
		kept.Messages, kept.Gaps, kept.Complete = k.keep()
		s.Conversations[id] = kept
	}
	return s
}

// touch notes that something is to be saved before long.
func (c *core) touch(now time.Time) {
	if c.saveAt.IsZero() {
		c.saveAt = now.Add(c.terms.keep)
	}
}

// todo is what is to be done now, and when to look again at the latest.
type todo struct {
	stop    *Stopped
	cut     bool
	save    *Saved
	saving  []string // the messages that the store has afterwards
	token   bool
	fresh   bool
	dial    bool
	serial  int
	address int
	lines   [][]byte
	ask     *question
	at      time.Time // zero: when something happens
}

// plan decides what is to be done now. What it gives counts as begun.
func (c *core) plan(now time.Time) todo {
	if c.link.late(now) {
		c.ended(now, c.link.serial, codeBroken, "")
		c.cut = true
	}
	c.box.expire(now, c.random)
	t := todo{stop: c.stopped, cut: c.cut, serial: c.link.serial}
	c.cut = false
	if t.stop != nil {
		return t
	}
	c.planSave(now, &t)
	c.planToken(now, &t)
	if c.link.wants(now) && c.token.good(now) {
		c.link.dial(now)
		c.emit(Event{Kind: StateChanged, State: Connecting})
		t.dial, t.serial, t.address = true, c.link.serial, c.link.address
	}
	if c.link.state == Greeting || c.link.state == Ready {
		t.lines, c.out = c.out, nil
	}
	if c.link.state == Ready {
		for _, l := range c.box.due(now, c.lane) {
			t.lines = append(t.lines, saySend(l.Draft))
		}
	}
	if at := c.sync.at(c.asks()); !at.IsZero() && !now.Before(at) && !c.link.away {
		t.ask = c.question()
	}
	t.at = c.next(now)
	return t
}

func (c *core) planSave(now time.Time, t *todo) {
	ids := c.box.unkept()
	due := len(ids) > 0 || !c.saveAt.IsZero() && !now.Before(c.saveAt)
	if due && !now.Before(c.saveAfter) {
		s := c.snapshot()
		t.save, t.saving, c.saveAt = &s, ids, time.Time{}
	}
}

// saved takes what became of a save.
func (c *core) saved(now time.Time, ids []string, err error) {
	if err != nil {
		c.saveAfter = now.Add(c.terms.keep)
		c.saveAt = c.saveAfter
		return
	}
	for _, id := range ids {
		if l := c.box.find(id); l != nil {
			l.kept = true
		}
	}
}

func (c *core) planToken(now time.Time, t *todo) {
	if c.token.good(now) {
		return
	}
	if c.link.state == Ready || c.link.wants(now) || c.token.wanted {
		t.token, t.fresh = c.token.ask(now)
	}
}

// tokenGot takes what the source of tokens said.
func (c *core) tokenGot(now time.Time, value string, expires time.Time, err error) {
	c.token.got(now, value, expires, err, c.terms, c.random())
	switch {
	case errors.Is(err, ErrSignedOut):
		c.stop(now, &Stopped{Reason: "signed out", Err: err})
	case err == nil && value != "" && c.link.state == Ready:
		c.out = append(c.out, sayToken(value))
	}
}

// next is when to look again. What is past waits for something to happen, not
// for a time.
func (c *core) next(now time.Time) time.Time {
	times := []time.Time{c.link.deadline(), c.saveAt, c.token.retryAt}
	if !c.link.away {
		times = append(times, c.link.until, c.sync.at(c.asks()))
	}
	if c.link.state == Ready {
		times = append(times, c.box.next(), c.token.renewAt)
	}
	return earliest(slices.DeleteFunc(times, func(t time.Time) bool { return !t.After(now) })...)
}

// opened takes that the socket is open; false when it is not wanted any more.
func (c *core) opened(now time.Time, serial int) bool {
	if !c.link.is(serial) {
		return false
	}
	c.link.enter(Greeting, now)
	c.emit(Event{Kind: StateChanged, State: Greeting})
	return true
}

// ended takes the end of a connection.
func (c *core) ended(now time.Time, serial, code int, reason string) {
	if !c.link.is(serial) {
		return
	}
	c.box.lost()
	c.out = nil
	code = c.link.meant(code)
	switch c.link.ended(now, code, c.random()) {
	case stays:
		c.stop(now, &Stopped{Code: code, Reason: reason})
		return
	case wantsToken:
		c.token.refused(c.token.value)
	}
	c.emit(Event{Kind: StateChanged, State: Waiting})
}

// stop is the end for good.
func (c *core) stop(now time.Time, why *Stopped) {
	if c.stopped == nil {
		c.stopped = why
		c.link.enter(StateStopped, now)
		c.emit(Event{Kind: StateChanged, State: StateStopped})
	}
}

// hold keeps the client away from the network, or lets it come back.
func (c *core) hold(now time.Time, away bool) {
	c.link.away = away
	if away {
		c.lose(now)
	} else if c.link.state == Waiting {
		c.link.until = now
	}
}

// lose ends the connection as a network does: nobody is told.
func (c *core) lose(now time.Time) {
	if c.link.is(c.link.serial) {
		c.ended(now, c.link.serial, codeBroken, "")
		c.cut = true
	}
}

// lane names what a target has its order in: its conversation, once it is known.
func (c *core) lane(t Target) string {
	if t.Conversation != "" {
		return t.Conversation
	}
	if id, ok := c.peers[t.User]; ok {
		return id
	}
	return "to:" + t.User
}

// queue puts a message in the outbox. err is why it can never be sent.
func (c *core) queue(d Draft, body any) *Pending {
	raw, err := encodeBody(body, c.body)
	d.Body = raw
	if err == nil {
		return c.box.add(d, false).pending
	}
	p := newPending(d)
	p.settle(Sent{}, err)
	return p
}

// talk gives a conversation, which is new when nobody has told of it.
func (c *core) talk(id string) *talk {
	k, ok := c.talks[id]
	if !ok {
		k = &talk{id: id, marks: map[string]int64{}}
		c.talks[id] = k
	}
	return k
}

// show tells of messages that are shown now.
func (c *core) show(k *talk, messages []Message, earlier bool) {
	kind := Shown
	if earlier {
		kind = Loaded
	}
	for _, m := range messages {
		c.record.saw(m, earlier, false)
		c.emit(Event{Kind: kind, Conversation: k.id, Seq: m.Seq, Message: m})
	}
}

// read moves our read cursor forward; the server is told as soon as it can be.
func (c *core) read(now time.Time, id string, seq int64) {
	k, ok := c.talks[id]
	if !ok || seq <= max(k.wanted, k.read) {
		return
	}
	k.wanted = seq
	c.touch(now)
	if c.link.state == Ready {
		c.out = append(c.out, sayRead(id, seq))
	}
}

// readTo takes how far a user has read; a cursor that is not ahead is old.
func (c *core) readTo(k *talk, user string, seq int64) {
	known := k.marks[user]
	if user == c.user {
		known = k.read
	}
	if seq <= known {
		return
	}
	if user == c.user {
		k.read = seq
	} else {
		k.marks[user] = seq
	}
	c.emit(Event{Kind: ReadMoved, Conversation: k.id, User: user, Seq: seq})
}

// remove takes a conversation away, in which we are not any more.
func (c *core) remove(id string) {
	c.sync.gone[id] = true
	if _, ok := c.talks[id]; ok {
		delete(c.talks, id)
		c.record.removed(id)
		c.emit(Event{Kind: Removed, Conversation: id})
	}
}

func (c *core) emit(e Event) { c.events = append(c.events, e) }

// conversations are the ids, sorted.
func (c *core) conversations() []string { return slices.Sorted(maps.Keys(c.talks)) }
