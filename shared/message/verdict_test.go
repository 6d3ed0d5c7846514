package message

import (
	"bytes"
	"fmt"
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bazaar/shared/fault"
)

// scene is what the store says, and what is asked of it.
type scene struct {
	parcels  []parcel
	rooms    map[string]Room
	speakers map[seat]speaker
	known    map[once]said
}

// drawScene makes one in which everything meets everything: few names, many drafts.
func drawScene(t *rapid.T) scene {
	s := scene{rooms: map[string]Room{}, speakers: map[seat]speaker{}, known: map[once]said{}}
	conversations, users, ids := []string{"a", "b", "c"}, []string{"u", "v"}, []string{"1", "2", "3", "4"}
	for _, c := range conversations {
		if rapid.IntRange(0, 4).Draw(t, "there") > 0 {
			s.rooms[c] = Room{Conversation: c, LastSeq: rapid.Int64Range(0, 9).Draw(t, "last"), Version: 3, Dissolved: rapid.IntRange(0, 5).Draw(t, "dissolved") == 0}
		}
		for _, u := range users {
			if rapid.IntRange(0, 4).Draw(t, "member") > 0 {
				s.speakers[seat{c, u}] = speaker{muted: time.Duration(rapid.IntRange(-1, 1).Draw(t, "muted")) * time.Second}
			}
		}
	}
	hash := func() []byte { return []byte{byte(rapid.IntRange(0, 1).Draw(t, "hash"))} }
	for _, u := range users {
		for _, id := range ids {
			if rapid.IntRange(0, 3).Draw(t, "known") == 0 {
				s.known[once{u, id}] = said{hash: hash(), seq: rapid.Int64Range(1, 9).Draw(t, "seq"), at: time.Unix(1, 0)}
			}
		}
	}
	for range rapid.IntRange(1, 20).Draw(t, "drafts") {
		s.parcels = append(s.parcels, parcel{
			Draft:        Draft{Sender: rapid.SampledFrom(users).Draw(t, "sender"), ClientMsgID: rapid.SampledFrom(ids).Draw(t, "id")},
			conversation: rapid.SampledFrom(conversations).Draw(t, "conversation"), hash: hash(),
		})
	}
	return s
}

// TestJudgeGivesEachActOnePlace holds every verdict against what it must be, seen
// from the whole: places without holes, one for each act, none for who may not.
func TestJudgeGivesEachActOnePlace(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		rooms := maps.Clone(s.rooms)
		verdicts := judge(s.parcels, s.rooms, s.speakers, s.known)
		if len(verdicts) != len(s.parcels) || !maps.Equal(rooms, s.rooms) {
			t.Fatalf("%d verdicts of %d drafts, %v", len(verdicts), len(s.parcels), s.rooms)
		}
		next, first := map[string]int64{}, map[once]int{}
		for i, v := range verdicts {
			p := s.parcels[i]
			id := once{p.Sender, p.ClientMsgID}
			if v.fresh {
				fresh(t, s, p, v, next)
				if _, twice := first[id]; twice || s.known[id].seq != 0 {
					t.Fatalf("draft %d is stored once more", i)
				}
				first[id] = i
				continue
			}
			if want := notFresh(s, p, verdicts, first); want != "" && !fault.Is(v.err, want) || want == "" && v.err != nil {
				t.Fatalf("draft %d: %v, want %q", i, v.err, want)
			}
			if v.err == nil && v.seq != placeOf(s, id, verdicts, first) {
				t.Fatalf("draft %d was said at another place than %d", i, v.seq)
			}
		}
	})
}

// fresh checks a draft that is to be stored.
func fresh(t *rapid.T, s scene, p parcel, v verdict, next map[string]int64) {
	room, there := s.rooms[p.conversation]
	who, member := s.speakers[seat{p.conversation, p.Sender}]
	if v.err != nil || !there || room.Dissolved || !member || who.muted > 0 {
		t.Fatalf("%s may not speak in %s: %+v", p.Sender, p.conversation, v)
	}
	if next[p.conversation] == 0 {
		next[p.conversation] = room.LastSeq + 1
	}
	if v.seq != next[p.conversation] || !v.at.IsZero() {
		t.Fatalf("%s: seq %d at %s, want %d", p.conversation, v.seq, v.at, next[p.conversation])
	}
	next[p.conversation]++
}

// notFresh is the code of the fault that a draft which is not stored must have;
// "" for one that was said before.
func notFresh(s scene, p parcel, verdicts []verdict, first map[once]int) string {
	id := once{p.Sender, p.ClientMsgID}
	before := s.known[id].hash
	if n, ok := first[id]; ok && verdicts[n].fresh {
		before = s.parcels[n].hash
	}
	room, there := s.rooms[p.conversation]
	_, member := s.speakers[seat{p.conversation, p.Sender}]
	switch {
	case before != nil && bytes.Equal(before, p.hash):
		return ""
	case before != nil:
		return "client_msg_id_reused"
	case !there, room.Dissolved, !member:
		return "not_found"
	}
	return "muted"
}

func placeOf(s scene, id once, verdicts []verdict, first map[once]int) int64 {
	if n, ok := first[id]; ok {
		return verdicts[n].seq
	}
	return s.known[id].seq
}

func TestAMutedSpeakerIsToldForHowLong(t *testing.T) {
	t.Parallel()
	p := parcel{Draft: Draft{Sender: "u", ClientMsgID: "1"}, conversation: "a"}
	v := judge([]parcel{p}, map[string]Room{"a": {}}, map[seat]speaker{{"a", "u"}: {muted: time.Minute}}, nil)
	if f := fault.Of(v[0].err); f == nil || f.Kind != fault.Denied || f.RetryAfter != time.Minute {
		t.Errorf("%v", v[0].err)
	}
}

func TestDrafts(t *testing.T) {
	t.Parallel()
	good := Draft{Sender: "alice", To: "bob", ClientMsgID: "1", Kind: "text", Body: []byte(`{"text":"hi"}`)}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Draft)
		code   string
	}{
		"to nobody":           {func(d *Draft) { d.To = "" }, "invalid_recipient"},
		"to both":             {func(d *Draft) { d.Conversation = "g_1" }, "invalid_recipient"},
		"to oneself":          {func(d *Draft) { d.To = "alice" }, "invalid_recipient"},
		"to no name":          {func(d *Draft) { d.To = "b.b" }, "invalid_recipient"},
		"no conversation":     {func(d *Draft) { d.To, d.Conversation = "", "a b" }, "not_found"},
		"a conversation":      {func(d *Draft) { d.To, d.Conversation = "", "g_1" }, ""},
		"no id":               {func(d *Draft) { d.ClientMsgID = "" }, "invalid_client_msg_id"},
		"a long id":           {func(d *Draft) { d.ClientMsgID = fmt.Sprintf("%065d", 1) }, "invalid_client_msg_id"},
		"no kind":             {func(d *Draft) { d.Kind = "" }, "invalid_kind"},
		"a large kind":        {func(d *Draft) { d.Kind = "Text" }, "invalid_kind"},
		"a long kind":         {func(d *Draft) { d.Kind = fmt.Sprintf("a%032d", 1) }, "invalid_kind"},
		"the shop's kind":     {func(d *Draft) { d.Kind = "shop.order" }, "invalid_kind"},
		"by the shop":         {func(d *Draft) { d.Kind, d.Sender, d.Ours = "shop.order", Shop, true }, ""},
		"in the shop's name":  {func(d *Draft) { d.Sender = Shop }, "denied"},
		"by nobody":           {func(d *Draft) { d.Sender = "" }, "denied"},
		"to the shop":         {func(d *Draft) { d.To = Shop }, ""},
		"no body":             {func(d *Draft) { d.Body = nil }, "invalid_body"},
		"a text":              {func(d *Draft) { d.Body = []byte(`"hi"`) }, "invalid_body"},
		"half a body":         {func(d *Draft) { d.Body = []byte(`{"a":`) }, "invalid_body"},
		"a name twice":        {func(d *Draft) { d.Body = []byte(`{"a":1,"a":2}`) }, "invalid_body"},
		"no UTF-8":            {func(d *Draft) { d.Body = []byte("{\"a\":\"\xff\"}") }, "invalid_body"},
		"the longest body":    {func(d *Draft) { d.Body = long(MaxBody) }, ""},
		"one byte more":       {func(d *Draft) { d.Body = long(MaxBody + 1) }, "too_large"},
		"a body and a second": {func(d *Draft) { d.Body = []byte(`{}{}`) }, "invalid_body"},
	} {
		d := good
		c.change(&d)
		if err := d.Validate(); (err == nil) != (c.code == "") || err != nil && !fault.Is(err, c.code) {
			t.Errorf("%s: %v, want %q", name, err, c.code)
		}
	}
}

// long is a body of n bytes.
func long(n int) []byte {
	return fmt.Appendf(nil, `{"text":"%0*d"}`, n-len(`{"text":""}`), 1)
}

// Blanks are no part of what is said; a newline among them would break a line.
func TestBlanksAreNotStored(t *testing.T) {
	t.Parallel()
	d := Draft{Sender: "alice", To: "bob", ClientMsgID: "1", Kind: "text", Body: []byte("{ \"text\" :\n\t\"a  b\\n\" }")}
	p, err := pack(d)
	if err != nil || p.body != `{"text":"a  b\n"}` || p.conversation != DirectID("bob", "alice") {
		t.Fatalf("%+v, %v", p, err)
	}
	if d.Body[1] != ' ' {
		t.Error("the caller's body was changed")
	}
	for _, change := range []func(*Draft){
		func(d *Draft) { d.Kind = "texts" }, func(d *Draft) { d.To = "carol" }, func(d *Draft) { d.Body = []byte(`{"text":"a b\n"}`) },
	} {
		other := d
		change(&other)
		if q, err := pack(other); err != nil || bytes.Equal(p.hash, q.hash) {
			t.Errorf("%+v has the same hash, %v", other, err)
		}
	}
}
