package chat

import "time"

const (
	// mostCursors and perConversation bound a question: the server takes no more
	// cursors, and gives no more messages of one conversation.
	mostCursors     = 1000
	perConversation = 50
)

// question asks for everything after the cursors.
type question struct {
	number  int
	Cursors map[string]int64 `json:"cursors"`
	Limit   int              `json:"limit"`
}

// answer is what there was. Conversations that were not asked about are in it too.
type answer struct {
	Conversations []page   `json:"conversations"`
	Removed       []string `json:"removed"`
}

// syncer says when to ask the server what there is: one question at a time, and
// not while the server wants to be left alone.
type syncer struct {
	terms     terms
	running   bool
	started   int       // number of the last question
	good      int       // number of the last that was answered
	forcedAt  time.Time // a question is due then, whatever is known; zero: none
	pause     time.Time // none before
	failures  int       // in a row
	fruitless int       // answers in a row that did not bring what was missing

	heard map[string]bool // conversations that something was told of since the question
	gone  map[string]bool // conversations that we were taken out of since then
}

// force makes a question due at a time, or sooner. It gives the number of the
// first one that is asked after this.
func (s *syncer) force(at time.Time) int {
	s.forcedAt = earliest(s.forcedAt, at)
	return s.started + 1
}

// at is when to ask, if first is when a conversation wants to; zero: nothing to ask.
func (s *syncer) at(first time.Time) time.Time {
	at := earliest(first, s.forcedAt)
	if s.running || at.IsZero() {
		return time.Time{}
	}
	if at.Before(s.pause) {
		return s.pause
	}
	return at
}

func (s *syncer) start() int {
	s.started++
	s.running, s.forcedAt = true, time.Time{}
	s.heard, s.gone = map[string]bool{}, map[string]bool{}
	return s.started
}

// failed takes an error for an answer. after is what the server asked for.
func (s *syncer) failed(now time.Time, after time.Duration, random float64) {
	s.running = false
	wait := halfJitter(s.failures, s.terms.sendBase, s.terms.longest, random)
	if after > 0 {
		after = min(after, time.Minute)
		wait = max(wait, after+part(after/2, random))
	}
	s.failures++
	s.pause = now.Add(wait)
	s.force(now) // the question stays
}

// answered takes that there was an answer. missing tells that a conversation is
// still behind; moved, that some is less so than before.
func (s *syncer) answered(now time.Time, number int, missing, moved bool, random float64) {
	s.running, s.failures, s.good = false, 0, number
	if !missing || moved {
		s.fruitless = 0
		return
	}
	s.pause = now.Add(halfJitter(s.fruitless, s.terms.headSpread, s.terms.longest, random))
	s.fruitless++
}

// talk is a conversation as the client knows it.
type talk struct {
	id   string
	kind string
	timeline
	read   int64            // our read cursor, as far as the server has told
	wanted int64            // the one that we have asked for
	marks  map[string]int64 // those of the others
	askAt  time.Time        // the server is to be asked then; zero: nothing is missing
}

// ask makes a question due at a time, or sooner.
func (k *talk) ask(at time.Time) { k.askAt = earliest(k.askAt, at) }

// told notes how far the conversation goes, and asks if that is news.
func (c *core) told(now time.Time, id string, seq int64) {
	if id == "" || seq < 1 {
		return
	}
	k := c.talk(id)
	c.sync.heard[id] = true
	if k.told(seq); k.behind() {
		k.ask(now.Add(part(c.terms.headSpread, c.random())))
	}
}

// took shows what has come of a message, and asks for what is missing before it.
func (c *core) took(now time.Time, k *talk, show []Message) {
	c.sync.heard[k.id] = true
	c.show(k, show, false)
	switch {
	case !k.behind():
		k.askAt = time.Time{}
	case k.askAt.IsZero():
		k.ask(now.Add(c.terms.gap + part(c.terms.gapSpread, c.random())))
	}
	c.touch(now)
}

// asks is when the first conversation wants to ask; zero: none does.
func (c *core) asks() time.Time {
	var at time.Time
	for _, k := range c.talks {
		at = earliest(at, k.askAt)
	}
	return at
}

// question is what to ask now.
func (c *core) question() *question {
	q := &question{number: c.sync.start(), Cursors: make(map[string]int64, len(c.talks)), Limit: perConversation}
	for _, urgent := range []bool{true, false} {
		for id, k := range c.talks {
			if k.askAt.IsZero() != urgent && len(q.Cursors) < mostCursors {
				q.Cursors[id] = k.cursor
			}
		}
	}
	return q
}

// synced takes the answer to a question.
func (c *core) synced(now time.Time, q *question, a answer) {
	again, moved := false, false
	for _, p := range a.Conversations {
		if p.Conversation == "" || c.sync.gone[p.Conversation] {
			again = again || p.Conversation != "" // it was said before we were taken out
			continue
		}
		k := c.talk(p.Conversation)
		for _, m := range p.Messages {
			c.mine(m)
		}
		before := k.cursor
		c.show(k, k.page(p), false)
		moved = moved || k.cursor > before
		if p.Kind != "" {
			k.kind = p.Kind
		}
		c.record.read(k.id, p.ReadSeq)
		c.readTo(k, c.user, p.ReadSeq)
	}
	for _, id := range a.Removed {
		if c.sync.heard[id] {
			again = true // we may have been taken in again since
		} else {
			c.remove(id)
			moved = true
		}
	}
	missing := false
	for _, k := range c.talks {
		switch {
		case !k.behind():
			k.askAt = time.Time{}
		case !k.askAt.After(now): // this question was its own
			missing = true
			k.askAt = now.Add(part(c.terms.headSpread, c.random()))
		}
	}
	c.sync.answered(now, q.number, missing, moved, c.random())
	if again {
		c.sync.force(now)
	}
	c.touch(now)
}

// notSynced takes that there was none.
func (c *core) notSynced(now time.Time, after time.Duration) {
	c.sync.failed(now, after, c.random())
}
