package chat

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// world is what a server of the tests has stored: conversations whose messages
// are 1..n. It is safe for concurrent use.
type world struct {
	mu       sync.Mutex
	halls    map[string]*hall
	byID     map[string]Message // sender/client_msg_id
	attempts map[string]int     // how often each was posted
}

type hall struct {
	id, kind string
	from     map[string]int64 // members, each sees what comes after it
	read     map[string]int64
	said     []Message
	recalled []int64
}

func newWorld() *world {
	return &world{halls: map[string]*hall{}, byID: map[string]Message{}, attempts: map[string]int{}}
}

// with runs f on a conversation under the lock.
func (w *world) with(id string, f func(h *hall)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(w.halls[id])
}

// open makes a conversation, or lets more users in.
func (w *world) open(id, kind string, users ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.openLocked(id, kind, users...)
}

func (w *world) openLocked(id, kind string, users ...string) *hall {
	h := w.halls[id]
	if h == nil {
		h = &hall{id: id, kind: kind, from: map[string]int64{}, read: map[string]int64{}}
		w.halls[id] = h
	}
	for _, u := range users {
		if _, in := h.from[u]; !in {
			h.from[u] = int64(len(h.said))
			h.read[u] = h.from[u]
		}
	}
	return h
}

func (w *world) expel(id, user string) {
	w.with(id, func(h *hall) { delete(h.from, user) })
}

// posted is a message of the wire.
type posted struct {
	ClientMsgID  string         `json:"client_msg_id"`
	Conversation string         `json:"conversation"`
	To           string         `json:"to"`
	Kind         string         `json:"kind"`
	Body         jsontext.Value `json:"body"`
}

// post stores a message once, and gives who may see it.
func (w *world) post(sender string, p posted, at time.Time) (m Message, duplicate bool, members []string, refused *Refused) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := sender + "/" + p.ClientMsgID
	w.attempts[key]++
	if m, ok := w.byID[key]; ok {
		if string(m.Body) != string(p.Body) {
			return m, false, nil, &Refused{Code: "client_msg_id_reused"}
		}
		return m, true, nil, nil
	}
	id := p.Conversation
	if p.To != "" {
		pair := []string{sender, p.To}
		slices.Sort(pair)
		id = "d_" + strings.Join(pair, "_")
		w.openLocked(id, "direct", pair...)
	}
	h := w.halls[id]
	if h == nil {
		return m, false, nil, &Refused{Code: "not_found"}
	}
	if _, in := h.from[sender]; !in {
		return m, false, nil, &Refused{Code: "not_found"}
	}
	seq := int64(len(h.said)) + 1
	m = Message{Conversation: id, Seq: seq, ID: fmt.Sprintf("%s-%d", id, seq), ClientMsgID: p.ClientMsgID, From: sender, SentAt: at, Kind: p.Kind, Body: p.Body}
	h.said = append(h.said, m)
	w.byID[key] = m
	for u := range h.from {
		members = append(members, u)
	}
	slices.Sort(members)
	return m, false, members, nil
}

// heads are the conversations of a user and how far they go.
func (w *world) heads(user string) map[string]int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	heads := map[string]int64{}
	for id, h := range w.halls {
		if _, in := h.from[user]; in {
			heads[id] = int64(len(h.said))
		}
	}
	return heads
}

// sync answers a question as sync-messages does.
func (w *world) sync(user string, q question) answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := answer{Conversations: []page{}, Removed: []string{}}
	for id, h := range w.halls {
		from, in := h.from[user]
		cursor, named := q.Cursors[id]
		last := int64(len(h.said))
		if !in || named && cursor >= last && len(h.recalled) == 0 {
			continue
		}
		low := min(max(cursor, from), last)
		p := page{Conversation: id, Kind: h.kind, LastSeq: last, ReadSeq: h.read[user], Recalled: h.recalled}
		first := max(last-int64(q.Limit), low)
		if first > low {
			p.Gap = &Gap{low + 1, first}
		}
		p.Messages = slices.Clone(h.said[first:])
		a.Conversations = append(a.Conversations, p)
	}
	for id := range q.Cursors {
		h := w.halls[id]
		if h == nil {
			a.Removed = append(a.Removed, id)
		} else if _, in := h.from[user]; !in {
			a.Removed = append(a.Removed, id)
		}
	}
	slices.SortFunc(a.Conversations, func(x, y page) int { return cmp.Compare(x.Conversation, y.Conversation) })
	return a
}

// history gives messages before a seq, newest first, and whether there are more.
func (w *world) history(user, id string, before int64, limit int) (items []Message, more bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.halls[id]
	if h == nil {
		return nil, false
	}
	from := h.from[user]
	for seq := min(before-1, int64(len(h.said))); seq > from && len(items) < limit; seq-- {
		items = append(items, h.said[seq-1])
	}
	return items, len(items) > 0 && items[len(items)-1].Seq > from+1
}

// trouble is what one client must never have seen, as sentences: every message
// that was confirmed is there, and everything that was stored since the client's
// from_seq is shown once, in order, or in a gap.
func (w *world) trouble(r Record) (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	say := func(format string, args ...any) {
		all = append(all, r.User+"/"+r.Device+": "+fmt.Sprintf(format, args...))
	}
	shown, last := map[string]map[int64]bool{}, map[string]int64{}
	for _, s := range r.Shown {
		h := w.halls[s.Conversation]
		switch {
		case h == nil || s.Seq < 1 || s.Seq > int64(len(h.said)):
			say("%s %d was shown and is nowhere", s.Conversation, s.Seq)
			continue
		case shown[s.Conversation][s.Seq]:
			say("%s %d was shown twice", s.Conversation, s.Seq)
		case !s.Earlier && s.Seq <= last[s.Conversation]:
			say("%s %d was shown after %d", s.Conversation, s.Seq, last[s.Conversation])
		case s.Hash != Hash(h.said[s.Seq-1].Body) && !s.Recalled || s.From != h.said[s.Seq-1].From:
			say("%s %d is another message", s.Conversation, s.Seq)
		}
		if shown[s.Conversation] == nil {
			shown[s.Conversation] = map[int64]bool{}
		}
		shown[s.Conversation][s.Seq] = true
		if !s.Earlier {
			last[s.Conversation] = s.Seq
		}
	}
	for _, s := range r.Sent {
		if m, ok := w.byID[r.User+"/"+s.ClientMsgID]; !ok || m.Seq != s.Seq || m.Conversation != s.Conversation {
			say("%s was confirmed as %s %d, stored is %s %d", s.ClientMsgID, s.Conversation, s.Seq, m.Conversation, m.Seq)
		}
	}
	for id, h := range w.halls {
		from, in := h.from[r.User]
		for seq := from + 1; in && seq <= int64(len(h.said)); seq++ {
			inGap := slices.ContainsFunc(r.Gaps[id], func(g Gap) bool { return g.From <= seq && seq <= g.To })
			if inGap == shown[id][seq] {
				say("%s %d: shown %t, in a gap %t; cursor %d, head %d", id, seq, shown[id][seq], inGap, r.Cursors[id], r.Heads[id])
			}
		}
	}
	return all
}
