package chat

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// evidence is a truth and records that fit it, for tests to bend.
type evidence struct {
	truth   Truth
	records []Record
}

const alice, bob, carol = 0, 1, 2 // the records

// honest is a group of alice and bob with four messages, the third recalled
// after bob had seen it. Carol was in it up to the second; dave came after the
// first, left after the second and came back before the fourth.
func honest() *evidence {
	e := &evidence{truth: Truth{Last: map[string]int64{"g": 4}, Seats: []Seat{
		{Conversation: "g", User: "alice", Read: 2}, {Conversation: "g", User: "bob"},
		{Conversation: "g", User: "carol", Left: 2, Gone: true},
		{Conversation: "g", User: "dave", From: 1, Left: 2, Gone: true}, {Conversation: "g", User: "dave", From: 3},
	}}}
	sight := func(seq int64) Sight {
		m := e.truth.Messages[seq-1]
		return Sight{Conversation: "g", Seq: seq, From: m.From, ClientMsgID: m.ClientMsgID, Hash: m.Hash}
	}
	for i, id := range []string{"one", "two", "three", "four"} {
		m := Stored{Conversation: "g", Seq: int64(i + 1), From: "alice", ClientMsgID: id, Hash: Hash(jsontext.Value(`{"text":"` + id + `"}`))}
		e.truth.Messages = append(e.truth.Messages, m)
	}
	for _, who := range []struct {
		user string
		seqs []int64
	}{{"alice", []int64{1, 2, 3, 4}}, {"bob", []int64{1, 2, 3, 4}}, {"carol", []int64{1, 2}}, {"dave", []int64{2, 4}}} {
		r := Record{User: who.user, Device: "d", Whole: true, Cursors: map[string]int64{"g": 4}, Heads: map[string]int64{"g": 4}, Gaps: map[string][]Gap{}}
		if who.user == "carol" {
			r.Cursors = nil
		}
		for _, seq := range who.seqs {
			r.Shown = append(r.Shown, sight(seq))
		}
		e.records = append(e.records, r)
	}
	e.truth.Messages[2].Recalled, e.truth.Messages[2].Hash = true, Hash(jsontext.Value(`{}`))
	a := &e.records[alice]
	for _, m := range e.truth.Messages {
		c := Confirmation{Sent: Sent{ClientMsgID: m.ClientMsgID, Conversation: "g", Seq: m.Seq}, Hash: a.Shown[m.Seq-1].Hash}
		a.Sent = append(a.Sent, c)
	}
	a.Reads = []Reading{{"g", 0}, {"g", 2}, {"g", 2}}
	e.records[bob].Shown[2].Earlier = true // it was loaded afterwards
	e.records[bob].Shown[2], e.records[bob].Shown[3] = e.records[bob].Shown[3], e.records[bob].Shown[2]
	return e
}

func (e *evidence) judge() []Breach { return Judge(e.records, e.truth) }

// TestAnHonestStoryIsBelieved with all that may happen in one.
func TestAnHonestStoryIsBelieved(t *testing.T) {
	t.Parallel()
	for _, b := range honest().judge() {
		t.Error(b)
	}
	later := honest() // a life that goes on where another one has ended
	later.records[bob].Began = map[string]int64{"g": 2}
	later.records[bob].Shown = later.records[bob].Shown[2:]
	for _, b := range later.judge() {
		t.Error(b)
	}
}

// lie bends evidence so that one law is broken.
type lie struct {
	law  Law
	bend func(*evidence)
}

// show adds a sight to a record.
func (e *evidence) show(who int, s Sight) { e.records[who].Shown = append(e.records[who].Shown, s) }

// withheld lies are of what was not shown.
func withheld() map[string]lie {
	return map[string]lie{
		"called stored, and is not": {Delivered, func(e *evidence) {
			e.records[alice].Sent = append(e.records[alice].Sent, Confirmation{Sent: Sent{ClientMsgID: "five", Conversation: "g", Seq: 5}})
		}},
		"the last was not shown": {Delivered, func(e *evidence) {
			e.records[alice].Shown = e.records[alice].Shown[:3]
		}},
		"one in between was not shown": {Delivered, func(e *evidence) {
			e.records[alice].Shown = slices.Delete(e.records[alice].Shown, 1, 2)
		}},
		"one is in a gap": {Delivered, func(e *evidence) {
			e.records[bob].Shown, e.records[bob].Gaps["g"] = slices.Delete(e.records[bob].Shown, 2, 4), []Gap{{3, 4}}
		}},
		"who came back was not shown the last": {Delivered, func(e *evidence) {
			e.records[3].Shown = e.records[3].Shown[:1]
		}},
		"nothing of a conversation was shown": {Delivered, func(e *evidence) {
			e.records[bob].Shown, e.records[bob].Cursors = nil, nil
		}},
		"a later life was not shown what came in it": {Delivered, func(e *evidence) {
			e.records[bob].Began, e.records[bob].Shown = map[string]int64{"g": 3}, e.records[bob].Shown[:2]
		}},
	}
}

// disorderly lies are of what was shown twice, or in another order, and of cursors.
func disorderly() map[string]lie {
	return map[string]lie{
		"shown twice": {Once, func(e *evidence) {
			e.records[alice].Shown = append(e.records[alice].Shown, e.records[alice].Shown[3])
		}},
		"loaded though it was shown": {Once, func(e *evidence) {
			again := e.records[alice].Shown[0]
			again.Earlier = true
			e.show(alice, again)
		}},
		"shown in another order": {Ordered, func(e *evidence) {
			s := e.records[alice].Shown
			s[1], s[2] = s[2], s[1]
		}},
		"the read cursor moved back":        {Forward, func(e *evidence) { e.records[alice].Reads = []Reading{{"g", 2}, {"g", 1}} }},
		"the stored read cursor moved back": {Forward, func(e *evidence) { e.truth.Seats[0].Read = 1 }},
	}
}

// illStored lies are of what is stored.
func illStored() map[string]lie {
	return map[string]lie{
		"a hole in what is stored": {Dense, func(e *evidence) {
			e.truth.Messages = slices.Delete(e.truth.Messages, 1, 2)
			for i := range e.records {
				e.records[i].Shown = slices.DeleteFunc(e.records[i].Shown, func(s Sight) bool { return s.Seq == 2 })
			}
			e.records[alice].Sent = slices.Delete(e.records[alice].Sent, 1, 2)
			e.truth.Seats = []Seat{{Conversation: "g", User: "alice", From: 2, Read: 2}}
			e.records = e.records[:1]
			e.records[alice].Shown = e.records[alice].Shown[1:]
		}},
		"stored beyond the last": {Dense, func(e *evidence) {
			e.truth.Messages = append(e.truth.Messages, Stored{Conversation: "g", Seq: 5, From: "alice", ClientMsgID: "five"})
		}},
		"a seq is of two": {Dense, func(e *evidence) {
			e.truth.Messages = append([]Stored{{Conversation: "g", Seq: 1, From: "bob", ClientMsgID: "uno"}}, e.truth.Messages...)
		}},
		"stored twice": {OneSeq, func(e *evidence) {
			e.truth.Last["h"] = 1
			e.truth.Messages = append([]Stored{{Conversation: "h", Seq: 1, From: "alice", ClientMsgID: "one"}}, e.truth.Messages...)
		}},
		"called stored under another seq": {OneSeq, func(e *evidence) { e.records[alice].Sent[1].Seq = 3 }},
		"called stored twice, as two": {OneSeq, func(e *evidence) {
			e.records[alice].Sent = append(e.records[alice].Sent, Confirmation{Sent: Sent{ClientMsgID: "one", Conversation: "g", Seq: 2}, Hash: e.records[alice].Sent[1].Hash})
		}},
	}
}

// unseemly lies are of what should not have been shown, or not so.
func unseemly() map[string]lie {
	return map[string]lie{
		"shown after it had left": {Entitled, func(e *evidence) {
			e.show(carol, e.records[alice].Shown[2])
		}},
		"shown before it came": {Entitled, func(e *evidence) {
			e.records[3].Shown = append([]Sight{e.records[alice].Shown[0]}, e.records[3].Shown...)
		}},
		"shown between two stays": {Entitled, func(e *evidence) {
			e.records[3].Shown = slices.Insert(e.records[3].Shown, 1, e.records[alice].Shown[2])
		}},
		"shown to a stranger": {Entitled, func(e *evidence) {
			e.records[alice].User, e.records[alice].Sent, e.records[alice].Cursors = "eve", nil, nil
		}},
		"keeps what it is not in": {Entitled, func(e *evidence) {
			e.records[carol].Cursors = map[string]int64{"g": 2}
		}},
		"shown, and is nowhere": {Genuine, func(e *evidence) {
			e.truth.Last["g"], e.records[alice].Cursors["g"] = 4, 4
			e.show(alice, Sight{Conversation: "g", Seq: 5})
		}},
		"shown as of somebody else":    {Genuine, func(e *evidence) { e.records[alice].Shown[0].From = "bob" }},
		"shown under another id":       {Genuine, func(e *evidence) { e.records[alice].Shown[0].ClientMsgID = "uno" }},
		"shown with another body":      {Genuine, func(e *evidence) { e.records[alice].Shown[0].Hash = Hash(jsontext.Value(`{"text":"uno"}`)) }},
		"shown as recalled, and isn't": {Genuine, func(e *evidence) { e.records[alice].Shown[0].Recalled = true }},
		"stored with another body":     {Genuine, func(e *evidence) { e.records[alice].Sent[0].Hash = "other" }},
		"came further than there is":   {Genuine, func(e *evidence) { e.records[alice].Cursors["g"] = 5 }},
		"kept no record":               {Recorded, func(e *evidence) { e.records[alice].Whole = false }},
	}
}

// TestEveryLieIsFound alone, under the law that it breaks.
func TestEveryLieIsFound(t *testing.T) {
	t.Parallel()
	seen := map[Law]bool{}
	for _, lies := range []map[string]lie{withheld(), disorderly(), illStored(), unseemly()} {
		for name, l := range lies {
			e := honest()
			l.bend(e)
			found := e.judge()
			if !slices.ContainsFunc(found, func(b Breach) bool { return b.Law == l.law }) {
				t.Errorf("%s: found %v", name, found)
			}
			if others := slices.DeleteFunc(found, func(b Breach) bool { return b.Law == l.law }); len(others) > 1 {
				t.Errorf("%s: blamed for more: %v", name, others)
			}
			seen[l.law] = true
		}
	}
	if len(seen) != 9 {
		t.Errorf("only %v have a lie", slices.Collect(maps.Keys(seen)))
	}
}

// TestABreachSaysWhatIsMissing in one sentence for all that follows on each other.
func TestABreachSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	e := honest()
	e.records[alice].Shown = e.records[alice].Shown[:1]
	found := e.judge()
	if len(found) != 1 || found[0].Seq != 2 || !strings.Contains(found[0].String(), "alice/d g 2: up to 4") {
		t.Errorf("found %v", found)
	}
}

// TestOnlyARecordingClientKeepsARecord so that a bot may live for years.
func TestOnlyARecordingClientKeepsARecord(t *testing.T) {
	t.Parallel()
	for _, recording := range []bool{false, true} {
		r := &rig{t: t, now: start()}
		r.core = newCore(Options{User: "alice", Device: "laptop", Sockets: []string{"one"}, Record: recording}, standard(), func() float64 { return 0 })
		r.restore(Saved{Conversations: map[string]Kept{"c": {Cursor: 1, Messages: []Message{said(1)}}}})
		r.ready(`{"c":1}`)
		r.says(messageLine("c", 2), `{"t":"event","conversation":"c","seq":0,"kind":"member","user":"alice","change":"left"}`)
		p := r.queue(Draft{ID: "m1", To: Target{Conversation: "d"}, Kind: "text"}, map[string]string{})
		r.step()
		r.says(`{"t":"sent","client_msg_id":"m1","conversation":"d","seq":1,"message_id":"x","sent_at":"2026-11-22T10:00:00.000Z"}`)
		r.synced(r.now, &question{}, answer{Conversations: []page{{Conversation: "d", LastSeq: 1, ReadSeq: 1}}})
		if _, err := p.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := r.record.copy(r.talks)
		if n := len(got.Sent) + len(got.Shown) + len(got.Reads) + len(got.Removed) + len(got.Began); got.Whole != recording || (n > 0) != recording || recording && n != 7 {
			t.Errorf("recording %t: %+v", recording, got)
		}
		if got.Cursors["d"] != 1 {
			t.Errorf("recording %t: its cursors are %v", recording, got.Cursors)
		}
	}
}

// TestJudgingManyIsQuick: a storm has a hundred thousand sights.
func TestJudgingManyIsQuick(t *testing.T) {
	t.Parallel()
	const messages, clients = 2000, 100
	e := &evidence{truth: Truth{Last: map[string]int64{"g": messages}}}
	for i := range int64(messages) {
		e.truth.Messages = append(e.truth.Messages, Stored{Conversation: "g", Seq: i + 1, From: "a", ClientMsgID: string(rune('!' + i)), Hash: "h"})
	}
	for i := range clients {
		user := string(rune('A' + i))
		r := Record{User: user, Whole: true}
		e.truth.Seats = append(e.truth.Seats, Seat{Conversation: "g", User: user})
		for _, m := range e.truth.Messages {
			r.Shown = append(r.Shown, Sight{Conversation: "g", Seq: m.Seq, From: m.From, ClientMsgID: m.ClientMsgID, Hash: m.Hash})
		}
		e.records = append(e.records, r)
	}
	began := time.Now()
	if found := e.judge(); len(found) > 0 || time.Since(began) > 30*time.Second {
		t.Errorf("after %s: %v", time.Since(began), found)
	}
}
