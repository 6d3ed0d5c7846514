package chat

import (
	"bytes"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
)

// hear takes a WebSocket message of a connection: lines, each one JSON object.
// What it does not understand it leaves out, since the server may be newer.
func (c *core) hear(now time.Time, serial int, data []byte) {
	if !c.link.is(serial) {
		return
	}
	c.link.heard = now
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		if len(line) > 0 && !c.line(now, line) {
			c.record.Ignored++
		}
	}
}

// read decodes a line; false when it is no such thing.
func read[T any](line []byte) (v T, ok bool) {
	err := json.Unmarshal(line, &v)
	return v, err == nil
}

// line takes one line; false when nothing is known about it.
func (c *core) line(now time.Time, line []byte) bool {
	head, ok := read[typed](line)
	if !ok {
		return false
	}
	switch head.T {
	case "hello", "ready", "ping", "pong", "bye", "error":
		return c.linkLine(now, head.T, line)
	case "sent", "refused":
		return c.answerLine(now, head.T, line)
	case "message":
		m, ok := read[Message](line)
		if !ok || m.Conversation == "" || m.Seq < 1 {
			return false
		}
		c.mine(m)
		k := c.talk(m.Conversation)
		c.took(now, k, k.take(m))
		return true
	case "hint":
		h, ok := read[hint](line)
		if ok {
			c.told(now, h.Conversation, h.LastSeq)
		}
		return ok
	case "event":
		e, ok := read[happening](line)
		return ok && e.Conversation != "" && c.happened(now, e)
	case "typing":
		v, ok := read[typing](line)
		if ok {
			c.emit(Event{Kind: TypingSeen, Conversation: v.Conversation, User: v.User})
		}
		return ok
	case "presence":
		v, ok := read[whereabouts](line)
		if ok {
			c.emit(Event{Kind: PresenceSeen, User: v.User, Online: v.Online, LastActive: v.LastActive})
		}
		return ok
	}
	return false
}

// linkLine takes what is about the connection.
func (c *core) linkLine(now time.Time, t string, line []byte) (ok bool) {
	switch t {
	case "hello":
		h, ok := read[hello](line)
		if !ok || c.link.state != Greeting || c.link.greeted {
			return ok
		}
		c.link.greeted = true
		if h.BeatMS > 0 {
			c.link.beat = milliseconds(h.BeatMS)
		}
		if h.Limits.Body > 0 {
			c.body = h.Limits.Body
		}
		c.out = append(c.out, sayAuth(c.token.value, c.device))
		return true
	case "ready":
		r, ok := read[ready](line)
		if ok {
			c.welcome(now, r)
		}
		return ok
	case "ping":
		p, ok := read[ping](line)
		if ok {
			c.out = append(c.out, sayPong())
			for id, seq := range p.Heads {
				c.told(now, id, seq)
			}
		}
		return ok
	case "bye":
		b, ok := read[bye](line)
		if ok {
			c.link.goodbye(now, b.Code, milliseconds(b.AfterMS))
		}
		return ok
	case "error":
		e, ok := read[complaint](line)
		if ok {
			c.complained(now, e)
		}
		return ok
	}
	return true // pong: that it was heard is all
}

// welcome is ready: the connection is let in, and these are the heads.
func (c *core) welcome(now time.Time, r ready) {
	if c.link.state != Greeting {
		return
	}
	if r.User != c.user {
		c.stop(now, &Stopped{Reason: "the token is of " + r.User})
		return
	}
	c.link.ready(now)
	c.emit(Event{Kind: StateChanged, State: Ready})
	for id, seq := range r.Heads {
		c.told(now, id, seq)
	}
	for _, id := range c.conversations() {
		if _, ok := r.Heads[id]; !ok { // we may be out of it
			c.sync.force(now.Add(part(c.terms.headSpread, c.random())))
		}
		if k := c.talks[id]; k.wanted > k.read { // nobody says that a cursor has arrived
			c.out = append(c.out, sayRead(id, k.wanted))
		}
	}
	if len(c.watched) > 0 {
		c.out = append(c.out, sayWatch(c.watched))
	}
}

// answerLine takes what became of a message of ours.
func (c *core) answerLine(now time.Time, t string, line []byte) bool {
	if t == "refused" {
		r, ok := read[refusal](line)
		if ok {
			c.refused(now, r.ClientMsgID, Refused{Code: r.Code, Retryable: r.Retryable, After: milliseconds(r.AfterMS)})
		}
		return ok
	}
	s, ok := read[Sent](line)
	if !ok || s.Conversation == "" || s.Seq < 1 {
		return false
	}
	l := c.confirmed(s)
	if l == nil {
		return true // confirmed before
	}
	k := c.talk(s.Conversation)
	c.took(now, k, k.take(Message{
		Conversation: s.Conversation, Seq: s.Seq, ID: s.MessageID, ClientMsgID: s.ClientMsgID,
		From: c.user, SentAt: s.SentAt, Kind: l.Kind, Body: l.Body,
	}))
	return true
}

// confirmed takes that a message of ours is stored, and gives it; nil when that
// was known.
func (c *core) confirmed(s Sent) *letter {
	l := c.box.sent(s)
	if l == nil {
		return nil
	}
	if l.To.User != "" {
		c.peers[l.To.User] = s.Conversation
	}
	c.record.sent(s, l)
	c.emit(Event{Kind: Confirmed, ID: s.ClientMsgID, Conversation: s.Conversation, Seq: s.Seq})
	return l
}

// mine takes a message of our own that comes back before its answer, which may
// have got lost: it is stored.
func (c *core) mine(m Message) {
	if m.From == c.user {
		c.confirmed(Sent{ClientMsgID: m.ClientMsgID, Conversation: m.Conversation, Seq: m.Seq, MessageID: m.ID, SentAt: m.SentAt})
	}
}

func (c *core) refused(now time.Time, id string, r Refused) {
	if l := c.box.refused(now, r, id, c.random()); l != nil {
		c.record.failed(Failure{l.ID, l.Failed})
		c.emit(Event{Kind: Failed, ID: l.ID, Code: l.Failed})
		c.touch(now)
	}
}

// complained takes an error. One about a message is a refusal of it: sent again
// for ever, it would end the connection each time.
func (c *core) complained(now time.Time, e complaint) {
	c.refused(now, e.Ref, Refused{Code: e.Code, Retryable: e.Code == "rate_limited"})
	if e.Code == "invalid_token" {
		c.token.refused(c.token.value)
		c.token.retryAt = now.Add(c.terms.sendBase)
	}
	c.emit(Event{Kind: ComplaintHeard, Code: e.Code, ID: e.Ref})
}

// happened takes an event of a conversation; false for a kind that is not known.
func (c *core) happened(now time.Time, e happening) bool {
	switch e.Kind {
	case "read":
		if k, ok := c.talks[e.Conversation]; ok {
			c.readTo(k, e.User, e.Seq)
		}
	case "recall":
		if k, ok := c.talks[e.Conversation]; ok {
			k.recall(e.Seq, e.At)
			c.emit(Event{Kind: Recalled, Conversation: e.Conversation, Seq: e.Seq, By: e.By})
		}
	case "member":
		c.emit(Event{Kind: MemberChanged, Conversation: e.Conversation, User: e.User, Change: e.Change, By: e.By})
		if e.User == c.user && slices.Contains([]string{"left", "removed"}, e.Change) {
			delete(c.sync.heard, e.Conversation)
			c.remove(e.Conversation)
		}
	case "group":
		c.emit(Event{Kind: GroupChanged, Conversation: e.Conversation, Title: e.Title})
		if e.Dissolved {
			delete(c.sync.heard, e.Conversation)
			c.remove(e.Conversation)
		}
	default:
		return false
	}
	c.touch(now)
	return true
}
