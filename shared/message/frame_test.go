package message

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bazaar/shared/fault"
)

func TestLinesAreAsTheContractSays(t *testing.T) {
	t.Parallel()
	m := Message{Conversation: "g_1", Seq: 42, ID: "id", ClientMsgID: "c", From: "alice", Kind: "text", Body: []byte(`{"text":"<hi>"}`),
		SentAt: time.Date(2026, 11, 22, 11, 0, 0, 123456789, time.FixedZone("", 3600))}
	const fields = `"conversation":"g_1","seq":42,"message_id":"id","client_msg_id":"c","from":"alice","sent_at":"2026-11-22T10:00:00.123Z","kind":"text"`
	recalled := m
	recalled.Body, recalled.RecalledAt = []byte(`{}`), m.SentAt.Add(time.Minute)
	for want, line := range map[string][]byte{
		`{"t":"message",` + fields + `,"body":{"text":"<hi>"}}`:                             MessageLine(m),
		`{"t":"message",` + fields + `,"recalled_at":"2026-11-22T10:01:00.123Z","body":{}}`: MessageLine(recalled),
		`{"t":"event","conversation":"g_1","seq":7,"kind":"read","user":"bob"}`:             EventLine(Event{Conversation: "g_1", Seq: 7, Kind: EventRead, User: "bob"}),
		`{"t":"event","conversation":"g_1","seq":7,"kind":"recall","by":"bob"}`:             EventLine(Event{Conversation: "g_1", Seq: 7, Kind: EventRecall, By: "bob"}),
		`{"t":"event","conversation":"g_1","seq":7,"kind":"member","user":"bob","change":"removed","by":"alice","version":3}`: EventLine(
			Event{Conversation: "g_1", Seq: 7, Kind: EventMember, User: "bob", Change: "removed", By: "alice", Version: 3}),
		`{"t":"event","conversation":"g_1","seq":0,"kind":"group","title":"A \"b\""}`: EventLine(Event{Conversation: "g_1", Kind: EventGroup, Title: `A "b"`}),
		`{"t":"event","conversation":"g_1","seq":0,"kind":"group","dissolved":true}`:  EventLine(Event{Conversation: "g_1", Kind: EventGroup, Dissolved: true}),
	} {
		if string(line) != want {
			t.Errorf("%s\nwant %s", line, want)
		}
	}
	if got, err := json.Marshal(m); err != nil || !json.Valid(got) || !strings.HasPrefix(string(got), "{"+fields) {
		t.Errorf("%s, %v", got, err)
	}
}

// TestNotesTellAllInOrder: whatever is told together, every message is in one
// note of its conversation, in its order, and the headers say which.
func TestNotesTellAllInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		last, version := map[string]int64{}, map[string]int64{}
		var batch []Posted
		want := map[string][]string{}
		for i := range rapid.IntRange(0, 30).Draw(t, "messages") {
			c := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "conversation")
			last[c] += rapid.SampledFrom([]int64{1, 1, 1, 1, 2}).Draw(t, "step")
			version[c] += rapid.SampledFrom([]int64{0, 0, 0, 1}).Draw(t, "change")
			p := Posted{Message: Message{Conversation: c, Seq: last[c], Kind: "text", Body: long(rapid.SampledFrom([]int{20, MaxBody}).Draw(t, "size"))},
				Version: version[c] + 1, Socket: rapid.SampledFrom([]string{"", "n-1"}).Draw(t, "socket")}
			p.ID = fmt.Sprint(i)
			batch = append(batch, p)
			want[c] = append(want[c], fmt.Sprintf("%d %d %s %s", p.Seq, p.Version, p.Socket, MessageLine(p.Message)))
		}
		got := map[string][]string{}
		for _, n := range Notes(batch) {
			c := strings.TrimPrefix(n.Subject, sentSubject)
			lines := bytes.Split(n.Data, []byte("\n"))
			if len(n.Data) > maxNote || n.Header.Get(HeaderFrame) != FrameMessage {
				t.Fatalf("%d bytes, %v", len(n.Data), n.Header)
			}
			sockets := make([]string, len(lines))
			if all := n.Header.Get(HeaderSockets); all != "" {
				sockets = strings.Split(all, ",")
			}
			var first, end int64
			fmt.Sscan(n.Header.Get(HeaderFirst), &first)
			fmt.Sscan(n.Header.Get(HeaderLast), &end)
			if len(sockets) != len(lines) || end-first+1 != int64(len(lines)) {
				t.Fatalf("%d lines, header %v", len(lines), n.Header)
			}
			for i, line := range lines {
				got[c] = append(got[c], fmt.Sprintf("%d %s %s %s", first+int64(i), n.Header.Get(HeaderVersion), sockets[i], line))
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("told %q\nwant %q", got, want)
		}
	})
}

func TestANoteIsForWhoMaySee(t *testing.T) {
	t.Parallel()
	n := Event{Conversation: "g_1", Kind: EventRead, User: "bob"}.Note(7, "bob")
	if n.Subject != "message.sent.g_1" || n.Header.Get(HeaderVersion) != "7" || n.Header.Get(HeaderOnly) != "bob" || n.Header.Get(HeaderFrame) != FrameEvent {
		t.Errorf("%+v", n)
	}
	if n := (Event{Conversation: "g_1"}).Note(0, ""); len(n.Header) != 1 {
		t.Errorf("%+v", n)
	}
}

func TestHeadsAreReadAsTheyWereTold(t *testing.T) {
	t.Parallel()
	all := Heads{Heads: map[string]Head{}}
	for i := range 2 * maxHeads {
		all.Heads[fmt.Sprintf("%064d", i)] = Head{LastSeq: 1<<53 - 1, Version: int64(i + 1)}
		all.Members = append(all.Members, Change{fmt.Sprintf("%064d", i), fmt.Sprintf("%064d", i), int64(i + 1), 1<<53 - 1, i%2 == 0})
	}
	notes, err := all.Notes()
	if err != nil || len(notes) != 4 {
		t.Fatalf("%d notes, %v", len(notes), err)
	}
	got := Heads{Heads: map[string]Head{}}
	for _, n := range notes {
		h, err := ReadHeads(n.Data)
		if err != nil || len(n.Data) > maxNote || n.Subject != HeadSubject {
			t.Fatalf("%d bytes on %s, %v", len(n.Data), n.Subject, err)
		}
		for c, head := range h.Heads {
			got.Heads[c] = head
		}
		got.Members = append(got.Members, h.Members...)
	}
	if !reflect.DeepEqual(got, all) {
		t.Errorf("%d heads and %d members came", len(got.Heads), len(got.Members))
	}
	if notes, err := (Heads{}).Notes(); len(notes) != 0 || err != nil {
		t.Errorf("%v, %v", notes, err)
	}
}

// FuzzReadHeads: what is taken for heads is some, and goes as it came.
func FuzzReadHeads(f *testing.F) {
	for _, text := range []string{`{"heads":[["g_1",5,2]],"members":[["g_1","u",2,5,true]]}`, `{"heads":[["g_1",5]]}`, `{"heads":[["g_1",5,2,0]]}`, `{"heads":[[null,5,2]]}`,
		`{"heads":[null]}`, `{"heads":[{}],"members":null}`, `{"members":[["g_1","u",0,5,true]]}`, "", "null", "[]", `{"heads":[["g_1",1e99,2]]}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := ReadHeads(data)
		if err != nil {
			return
		}
		for c, head := range h.Heads {
			if !IsID(c) || head.LastSeq < 0 || head.Version < 1 {
				t.Errorf("%q: %q %+v", data, c, head)
			}
		}
		notes, err := h.Notes()
		if err != nil || len(notes) > 1+(len(h.Heads)+len(h.Members))/maxHeads {
			t.Fatalf("%q: %d notes, %v", data, len(notes), err)
		}
		if len(notes) == 1 {
			if again, err := ReadHeads(notes[0].Data); err != nil || !reflect.DeepEqual(again, h) {
				t.Errorf("%q is %+v, and then %+v, %v", data, h, again, err)
			}
		}
	})
}

// FuzzCursor: what is taken for a cursor names a place in the list, and the cursor
// of that place leads there again.
func FuzzCursor(f *testing.F) {
	good := cursor(Conversation{ID: "g_1", ActiveAt: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)})
	for _, text := range []string{good, good + "=", good[:8], "", "!", cursor(Conversation{ID: "a b"}), cursor(Conversation{ID: "a", ActiveAt: time.Date(9999, 12, 31, 23, 59, 59, 1, time.UTC)})} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, id, err := readCursor(text)
		switch {
		case err != nil && !fault.Is(err, "invalid_cursor"):
			t.Errorf("%q: %v", text, err)
		case err != nil || text == "" || at.UTC().Year() > 9999 || at.UTC().Year() < 0:
			return // or of a time zone only
		}
		sameAt, sameID, err := readCursor(cursor(Conversation{ID: id, ActiveAt: at}))
		if !IsID(id) || err != nil || !sameAt.Equal(at) || sameID != id {
			t.Errorf("%q is %s %q, and then %s %q, %v", text, at, id, sameAt, sameID, err)
		}
	})
}

func TestIDs(t *testing.T) {
	t.Parallel()
	if DirectID("a", "b") != DirectID("b", "a") || DirectID("a", "b") == DirectID("a", "c") || IDOf("a", "b") == IDOf("b", "a") {
		t.Error("an id is not that of what it names")
	}
	// Written down: they are stored, and must be the same in every version.
	if d, m := DirectID("alice", "bob"), IDOf("alice", "1"); d != "d_kzO8uHfpkX56txZgPW7YYg" || m != "k4lx9N08QoGfkuAnRBo16A" {
		t.Errorf("%s %s", d, m)
	}
	if a, b := NewGroupID(), NewGroupID(); a == b || !IsID(a) || !IsID(DirectID("a", "b")) || len(a) != 24 {
		t.Errorf("%s %s", a, b)
	}
}
