package chat

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Message is one message of a conversation, as the server gave it.
type Message struct {
	Conversation string         `json:"conversation"`
	Seq          int64          `json:"seq"`
	ID           string         `json:"message_id"`
	ClientMsgID  string         `json:"client_msg_id"`
	From         string         `json:"from"`
	SentAt       time.Time      `json:"sent_at"`
	Kind         string         `json:"kind"`
	Body         jsontext.Value `json:"body"`
	RecalledAt   time.Time      `json:"recalled_at,omitzero"`
}

// Gap are messages that are there and were not loaded, From to To inclusive.
type Gap struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// Entry is one thing to show: a message, or the mark of a gap.
type Entry struct {
	Message
	Gap *Gap // set: there is no message, something can be loaded here
}

const (
	// mostAhead bounds what is kept before what comes before it is there.
	mostAhead = 1000
	// mostSeq is the highest that is believed: what JSON says exactly.
	mostSeq = 1 << 53
)

// timeline is the order of one conversation, whatever order things come in. A
// message is shown once, in the order of seq; what is not there yet holds up
// what comes after it, until the server says that it is a gap.
type timeline struct {
	shown    []Message         // ascending; never written to in place, since snapshots share it
	cursor   int64             // all up to it is shown, a known gap, or not for us
	head     int64             // the highest seq that anybody has told of
	ahead    map[int64]Message // above the cursor, waiting for what is before
	gaps     []Gap             // ascending, disjoint, none above the cursor
	struck   map[int64]bool    // recalled before they came
	complete bool              // there is nothing before what is shown
}

// behind reports whether the server has something that is not here.
func (t *timeline) behind() bool { return t.head > t.cursor }

// told notes how far the conversation goes.
func (t *timeline) told(seq int64) {
	if seq <= mostSeq {
		t.head = max(t.head, seq)
	}
}

// take puts in a message that was pushed or sent, and gives what is to be shown
// now. One that is known, or lies in a gap, gives nothing.
func (t *timeline) take(m Message) []Message {
	if m.Seq < 1 || m.Seq <= t.cursor || m.Seq > mostSeq {
		return nil
	}
	t.told(m.Seq)
	if _, known := t.ahead[m.Seq]; !known && (len(t.ahead) < mostAhead || m.Seq == t.cursor+1) {
		if t.ahead == nil {
			t.ahead = map[int64]Message{}
		}
		t.ahead[m.Seq] = m
	}
	return t.drain(nil)
}

// page is what the server says of a conversation when it is asked.
type page struct {
	Conversation string    `json:"conversation"`
	Kind         string    `json:"kind"`
	LastSeq      int64     `json:"last_seq"`
	ReadSeq      int64     `json:"read_seq"`
	Messages     []Message `json:"messages"`
	Gap          *Gap      `json:"gap"`
	Recalled     []int64   `json:"recalled"`
}

// page puts in a page, and gives what is to be shown now. What came while it
// was on its way is not undone by it.
func (t *timeline) page(p page) []Message {
	messages := slices.DeleteFunc(slices.Clone(p.Messages), func(m Message) bool {
		return m.Seq < 1 || m.Seq > mostSeq || m.Conversation != p.Conversation
	})
	slices.SortFunc(messages, func(a, b Message) int { return cmp.Compare(a.Seq, b.Seq) })
	var show []Message
	if g := p.Gap; g != nil && g.From <= g.To {
		show = t.advance(show, g.From-1, false)
		show = t.advance(show, g.To, true)
	}
	for i, m := range messages {
		// What the page leaves out before its first is not for us: who joins sees from
		// there on. What it leaves out in between it should not have.
		show = t.advance(show, m.Seq-1, i > 0)
		if m.Seq == t.cursor+1 {
			delete(t.ahead, m.Seq)
			show = t.show(show, m)
		}
	}
	if p.Gap == nil && len(messages) == 0 {
		show = t.advance(show, p.LastSeq, false)
	}
	t.told(p.LastSeq)
	show = t.drain(show)
	for _, seq := range p.Recalled {
		t.recall(seq, time.Time{})
	}
	return show
}

// advance moves the cursor to seq, and shows what has come of that; the rest is
// a gap when mark is set.
func (t *timeline) advance(show []Message, seq int64, mark bool) []Message {
	for _, s := range slices.Sorted(maps.Keys(t.ahead)) {
		if s > seq {
			break
		}
		t.skip(s-1, mark)
		m := t.ahead[s]
		delete(t.ahead, s)
		show = t.show(show, m)
	}
	t.skip(seq, mark)
	return show
}

func (t *timeline) skip(to int64, mark bool) {
	if to <= t.cursor || to > mostSeq {
		return
	}
	if mark {
		t.gaps = append(slices.Clip(t.gaps), Gap{t.cursor + 1, to})
	}
	maps.DeleteFunc(t.struck, func(seq int64, _ bool) bool { return seq <= to })
	t.cursor = to
	t.told(to)
}

// drain shows what waits right after the cursor.
func (t *timeline) drain(show []Message) []Message {
	for {
		m, ok := t.ahead[t.cursor+1]
		if !ok {
			return show
		}
		delete(t.ahead, m.Seq)
		show = t.show(show, m)
	}
}

func (t *timeline) show(show []Message, m Message) []Message {
	if t.struck[m.Seq] {
		delete(t.struck, m.Seq)
		m = recalled(m, time.Time{})
	}
	t.cursor = m.Seq
	t.told(m.Seq)
	t.shown = append(t.shown, m)
	return append(show, m)
}

// before is where earlier messages are to be asked for: in the newest gap, or
// before all that is shown. ok is false when there is nothing earlier.
func (t *timeline) before() (before int64, ok bool) {
	switch {
	case len(t.gaps) > 0:
		return t.gaps[len(t.gaps)-1].To + 1, true
	case t.complete:
		return 0, false
	case len(t.shown) > 0:
		return t.shown[0].Seq, t.shown[0].Seq > 1
	}
	return t.cursor + 1, t.cursor > 0
}

// fill puts in earlier messages, which were asked for before a seq, and gives
// those that are to be shown. more is whether there are any before them.
func (t *timeline) fill(before int64, messages []Message, more bool) []Message {
	at := slices.IndexFunc(t.gaps, func(g Gap) bool { return g.To+1 == before })
	low, lowest := int64(1), before
	if at >= 0 {
		low = t.gaps[at].From
	} else if before != t.floor() {
		return nil // somebody else has filled it meanwhile
	}
	var show []Message
	for _, m := range messages {
		if m.Seq < 1 || m.Seq >= before {
			continue
		}
		lowest = min(lowest, m.Seq)
		twin := func(o Message) bool { return o.Seq == m.Seq }
		if m.Seq >= low && !slices.ContainsFunc(show, twin) {
			show = append(show, m)
		}
	}
	ended := !more || lowest == before
	switch {
	case at < 0:
		t.complete = t.complete || ended
	case ended || lowest <= low:
		t.gaps = slices.Delete(slices.Clone(t.gaps), at, at+1)
	default:
		t.gaps = slices.Clone(t.gaps)
		t.gaps[at].To = lowest - 1
	}
	t.shown = slices.Concat(t.shown, show)
	slices.SortFunc(t.shown, bySeq)
	return show
}

// floor is the first seq that is shown, or would be.
func (t *timeline) floor() int64 {
	if len(t.shown) > 0 {
		return t.shown[0].Seq
	}
	return t.cursor + 1
}

// recall takes the body of a message away, or will when it comes. at is zero
// when nobody has said when.
func (t *timeline) recall(seq int64, at time.Time) (known bool) {
	if i, found := slices.BinarySearchFunc(t.shown, seq, func(m Message, s int64) int { return cmp.Compare(m.Seq, s) }); found {
		t.shown = slices.Clone(t.shown)
		t.shown[i] = recalled(t.shown[i], at)
		return true
	}
	if seq > t.cursor && len(t.struck) < mostAhead {
		if t.struck == nil {
			t.struck = map[int64]bool{}
		}
		t.struck[seq] = true
	}
	return false
}

func recalled(m Message, at time.Time) Message {
	if at.IsZero() {
		at = m.RecalledAt
	}
	if at.IsZero() {
		at = m.SentAt
	}
	m.Body, m.RecalledAt = jsontext.Value(`{}`), at
	return m
}

// entries are the messages in their order, with the marks of the gaps.
func (t *timeline) entries() []Entry {
	all := make([]Entry, 0, len(t.shown)+len(t.gaps))
	gaps := t.gaps
	for _, m := range t.shown {
		for len(gaps) > 0 && gaps[0].From < m.Seq {
			all = append(all, Entry{Gap: &Gap{gaps[0].From, gaps[0].To}})
			gaps = gaps[1:]
		}
		all = append(all, Entry{Message: m})
	}
	for _, g := range gaps {
		all = append(all, Entry{Gap: &Gap{g.From, g.To}})
	}
	return all
}

func bySeq(a, b Message) int { return cmp.Compare(a.Seq, b.Seq) }
