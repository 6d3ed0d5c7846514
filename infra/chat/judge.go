package chat

import (
	"cmp"
	"fmt"
	"slices"
)

// Law is one thing that must hold between what clients saw and what is stored.
type Law string

// The laws.
const (
	Delivered Law = "delivered" // who is in a conversation was shown all that was said since it came; what was called stored is
	Once      Law = "once"      // nothing is shown twice
	Ordered   Law = "ordered"   // what is shown has a higher seq than what was shown before
	Dense     Law = "dense"     // the messages of a conversation are 1 to its last
	OneSeq    Law = "one seq"   // a sender's client_msg_id is of one message
	Forward   Law = "forward"   // read cursors do not move back
	Entitled  Law = "entitled"  // nobody is shown what was said before it came or after it left
	Genuine   Law = "genuine"   // what is shown is stored, with this sender, id and body
	Recorded  Law = "recorded"  // a client that kept no record proves nothing
)

// Stored is a message as the server has it.
type Stored struct {
	Conversation      string
	Seq               int64
	From, ClientMsgID string
	Hash              string // Hash of the body; of {} once recalled
	Recalled          bool
}

// Seat is one stay of a user in a conversation: it sees what is above From, and
// once it is Gone, nothing above Left. A user who came back has several.
type Seat struct {
	Conversation, User string
	From, Left         int64
	Gone               bool
	Read               int64 // the read cursor, while it is not gone
}

// Truth is what the server has stored, of one moment.
type Truth struct {
	Messages []Stored
	Last     map[string]int64 // conversation -> last_seq, of every conversation
	Seats    []Seat           // of every user and every stay
}

// Breach is one thing that does not hold.
type Breach struct {
	Law          Law
	User, Device string // empty: what is stored contradicts itself
	Conversation string
	Seq          int64 // the first, if it is of several
	Said         string
}

func (b Breach) String() string {
	return fmt.Sprintf("%s: %s/%s %s %d: %s", b.Law, b.User, b.Device, b.Conversation, b.Seq, b.Said)
}

// Judge holds what clients recorded against what is stored, and gives all that
// does not fit: none when every message that was called stored is, once, and was
// shown to everyone who may see it, once and in order, and to nobody else.
//
// Call it when all is at rest: nobody sends, every client is connected, or ended
// after it was in sync, and has come up to the last message. Then take the
// truth, after the records (tests/support has Truth, which reads PostgreSQL, and
// Stays, which remembers the earlier stays of those who come back):
//
//	support.Stays(t, pool)                  // before anybody leaves
//	…                                       // clients made with Options.Record
//	records = append(records, c.Record())   // of each
//	for _, b := range chat.Judge(records, support.Truth(t, pool)) { t.Error(b) }
//
// A message in a gap that was not loaded (Record.Gaps) counts as not shown: load
// it with Older. What was said while somebody was in a conversation that it has
// left since may be shown or not: who left can ask for nothing any more.
func Judge(records []Record, truth Truth) []Breach {
	j := judge{stored: map[place]Stored{}, last: truth.Last, seats: map[string]map[string][]Seat{}, ids: map[string]place{}}
	j.files(truth)
	for _, r := range records {
		j.record(r)
	}
	return j.found
}

type place struct {
	conversation string
	seq          int64
}

type judge struct {
	stored map[place]Stored
	last   map[string]int64
	seats  map[string]map[string][]Seat // user, conversation
	ids    map[string]place             // sender and client_msg_id
	found  []Breach
}

func (j *judge) breach(law Law, r Record, conversation string, seq int64, format string, args ...any) {
	j.found = append(j.found, Breach{law, r.User, r.Device, conversation, seq, fmt.Sprintf(format, args...)})
}

// files takes the truth in, and looks whether it is one.
func (j *judge) files(truth Truth) {
	nobody, count := Record{}, map[string]int64{}
	for _, m := range truth.Messages {
		p, id := place{m.Conversation, m.Seq}, m.From+"/"+m.ClientMsgID
		_, twin := j.stored[p]
		switch {
		case twin:
			j.breach(Dense, nobody, m.Conversation, m.Seq, "it is stored twice")
		case m.Seq < 1 || m.Seq > truth.Last[m.Conversation]:
			j.breach(Dense, nobody, m.Conversation, m.Seq, "the last is %d", truth.Last[m.Conversation])
		default:
			count[m.Conversation]++
		}
		if other, twin := j.ids[id]; twin && other != p {
			j.breach(OneSeq, nobody, m.Conversation, m.Seq, "%s is stored as %s %d too", id, other.conversation, other.seq)
		}
		j.stored[p], j.ids[id] = m, p
	}
	for c, last := range truth.Last {
		if count[c] != last {
			j.breach(Dense, nobody, c, last, "%d messages are stored, the last is %d", count[c], last)
		}
	}
	for _, s := range truth.Seats {
		if j.seats[s.User] == nil {
			j.seats[s.User] = map[string][]Seat{}
		}
		j.seats[s.User][s.Conversation] = append(j.seats[s.User][s.Conversation], s)
	}
}

// record holds one client's record against the truth.
func (j *judge) record(r Record) {
	if !r.Whole {
		j.breach(Recorded, r, "", 0, "it was made without Options.Record")
		return
	}
	j.sent(r)
	shown := j.shown(r)
	j.reads(r)
	for id, cursor := range r.Cursors {
		if cursor > j.last[id] {
			j.breach(Genuine, r, id, cursor, "it has come so far, the last is %d", j.last[id])
		}
		if !slices.ContainsFunc(j.seats[r.User][id], func(s Seat) bool { return !s.Gone }) {
			j.breach(Entitled, r, id, cursor, "it still has the conversation, and is not in it")
		}
	}
	for _, seats := range j.seats[r.User] {
		for _, s := range seats {
			if !s.Gone {
				j.complete(r, s, shown)
			}
		}
	}
}

// sent looks for what was called stored.
func (j *judge) sent(r Record) {
	for _, s := range r.Sent {
		id, p := r.User+"/"+s.ClientMsgID, place{s.Conversation, s.Seq}
		m, there := j.stored[p]
		switch at, known := j.ids[id]; {
		case !known:
			j.breach(Delivered, r, s.Conversation, s.Seq, "%s was called stored, and is not", s.ClientMsgID)
		case at != p:
			j.breach(OneSeq, r, s.Conversation, s.Seq, "%s was called stored here, and is %s %d", s.ClientMsgID, at.conversation, at.seq)
		case there && m.Hash != s.Hash && !m.Recalled:
			j.breach(Genuine, r, s.Conversation, s.Seq, "%s was called stored with another body", s.ClientMsgID)
		}
	}
}

// shown goes through what was shown, in its order, and gives what was.
func (j *judge) shown(r Record) map[place]bool {
	shown, highest := map[place]bool{}, map[string]int64{}
	for _, s := range r.Shown {
		p := place{s.Conversation, s.Seq}
		m, there := j.stored[p]
		switch {
		case !there:
			j.breach(Genuine, r, p.conversation, p.seq, "it was shown, and is not stored")
		case m.From != s.From || m.ClientMsgID != s.ClientMsgID:
			j.breach(Genuine, r, p.conversation, p.seq, "it was shown as %s of %s, and is %s of %s", s.ClientMsgID, s.From, m.ClientMsgID, m.From)
		case m.Hash != s.Hash && !m.Recalled, s.Recalled && !m.Recalled:
			j.breach(Genuine, r, p.conversation, p.seq, "it was shown with another body; recalled %t, stored as recalled %t", s.Recalled, m.Recalled)
		}
		if shown[p] {
			j.breach(Once, r, p.conversation, p.seq, "it was shown again")
		} else if !s.Earlier && s.Seq <= highest[s.Conversation] {
			j.breach(Ordered, r, p.conversation, p.seq, "it was shown after %d", highest[s.Conversation])
		}
		if !j.may(r.User, p) {
			j.breach(Entitled, r, p.conversation, p.seq, "it was shown; its stays were %v", j.seats[r.User][p.conversation])
		}
		shown[p], highest[s.Conversation] = true, max(highest[s.Conversation], s.Seq)
	}
	return shown
}

func (j *judge) may(user string, p place) bool {
	return slices.ContainsFunc(j.seats[user][p.conversation], func(s Seat) bool {
		return p.seq > s.From && (!s.Gone || p.seq <= s.Left)
	})
}

// reads looks whether a read cursor was ever told to be where it had not been
// any more, and whether it is still as far.
func (j *judge) reads(r Record) {
	at := map[string]int64{}
	for _, m := range r.Reads {
		if m.Seq < at[m.Conversation] {
			j.breach(Forward, r, m.Conversation, m.Seq, "its read cursor was %d before", at[m.Conversation])
		}
		at[m.Conversation] = m.Seq
	}
	for id, seq := range at {
		for _, s := range j.seats[r.User][id] {
			if !s.Gone && s.Read < seq {
				j.breach(Forward, r, id, s.Read, "its read cursor is stored, and was told to be %d", seq)
			}
		}
	}
}

// complete looks for what was said since somebody came, and was not shown.
func (j *judge) complete(r Record, s Seat, shown map[place]bool) {
	from := s.From
	if began, restored := r.Began[s.Conversation]; restored {
		from = max(from, began) // an earlier life has seen the rest
	}
	missing := func(seq int64) bool { return !shown[place{s.Conversation, seq}] }
	for seq := from + 1; seq <= j.last[s.Conversation]; seq++ {
		if !missing(seq) {
			continue
		}
		first := seq
		for seq < j.last[s.Conversation] && missing(seq+1) {
			seq++
		}
		in, gap := slices.BinarySearchFunc(r.Gaps[s.Conversation], first, func(g Gap, seq int64) int { return cmp.Compare(g.To, seq) })
		gap = gap || in < len(r.Gaps[s.Conversation]) && r.Gaps[s.Conversation][in].From <= first
		j.breach(Delivered, r, s.Conversation, first, "up to %d it was not shown (in a gap: %t); the last is %d, the client was at %d and knew of %d",
			seq, gap, j.last[s.Conversation], r.Cursors[s.Conversation], r.Heads[s.Conversation])
	}
}
