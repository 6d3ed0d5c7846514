package contract_test

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"bazaar/shared/presence"
	"bazaar/shared/rdb"
)

func TestSync(t *testing.T) {
	t.Parallel()
	h := open(t)
	alice, bob := h.talker(t), h.talker(t)
	g := alice.found(t, bob)
	for i := range 12 {
		alice.say(t, g.GroupID, fmt.Sprint(i+1))
	}
	d := alice.write(t, bob, "alone").Conversation
	// Nothing is named: all comes, the latest conversation first, of each the newest.
	all := bob.sync(t, nil, 5)
	if len(all.Conversations) != 2 || all.Conversations[0].Conversation != d || all.Conversations[0].Kind != "direct" || len(all.Removed) != 0 {
		t.Fatalf("%+v", all)
	}
	p := all.Conversations[1]
	if p.Conversation != g.GroupID || p.Kind != "group" || p.LastSeq != 12 || p.ReadSeq != 0 || texts(p.Messages) != "8 9 10 11 12" || p.Gap == nil || p.Gap.From != 1 || p.Gap.To != 7 || len(p.Recalled) != 0 {
		t.Errorf("%+v", p)
	}
	// The gap is in the history.
	var gap page[messageView]
	bob.call(t, "GET", "sync-messages/"+g.GroupID+"?before=8&limit=100", nil).into(t, 200, &gap)
	if texts(gap.Items) != "7 6 5 4 3 2 1" || gap.Next != nil {
		t.Errorf("%s, next %v", texts(gap.Items), gap.Next)
	}
	// By cursors only what is new comes; one beyond the last is the last.
	for cursor, want := range map[int64]string{0: "8 9 10 11 12", 7: "8 9 10 11 12", 10: "11 12", 11: "12"} {
		got := bob.sync(t, map[string]int64{g.GroupID: cursor, d: 1, "g_none": 3}, 5)
		if len(got.Conversations) != 1 || texts(got.Conversations[0].Messages) != want || !slices.Equal(got.Removed, []string{"g_none"}) {
			t.Errorf("after %d: %+v", cursor, got)
		}
	}
	for _, cursor := range []int64{12, 13, 1 << 62} {
		if got := bob.sync(t, map[string]int64{g.GroupID: cursor, d: cursor}, 1000); len(got.Conversations) != 0 {
			t.Errorf("after %d: %+v", cursor, got)
		}
	}
	for body, code := range map[string]string{
		`{"cursors":{"a b":1}}`: "invalid_cursor", `{"cursors":{"` + g.GroupID + `":-1}}`: "invalid_cursor", `{"cursors":{"` + g.GroupID + `":"1"}}`: "invalid_body",
		`{"cursors":[]}`: "invalid_body", `{"limit":0}`: "invalid_limit", `{"limit":-5}`: "invalid_limit", `{"limit":"5"}`: "invalid_body", `{"user":"` + alice.name + `"}`: "invalid_body",
	} {
		bob.call(t, "POST", "sync-messages", body).fails(t, 400, code)
	}
	many := map[string]int64{}
	for i := range 1001 {
		many[fmt.Sprint("g_", i)] = 1
	}
	bob.call(t, "POST", "sync-messages", map[string]any{"cursors": many}).fails(t, 400, "invalid_cursor")
}

// A long absence: the first answer is bounded, and the same however often.
func TestALongAbsence(t *testing.T) {
	t.Parallel()
	h := open(t)
	bob := h.talker(t)
	_, err := h.Pool.Exec(t.Context(), `
		with c as (insert into message.conversation (conversation_id, kind, last_seq, version, member_count, active_at)
			select 'g_absent-' || $1::text || '-' || n, 'group', 50, 1, 2, now() - n * interval '1 second' from generate_series(1, 200) n returning conversation_id),
		m as (insert into message.member (conversation_id, user_id, role, version, from_seq, read_seq)
			select conversation_id, u, r, 1, 0, 0 from c, (values ($1::text, 'member'), ($1::text || '-owner', 'owner')) v (u, r) returning 1),
		g as (insert into groups."group" (group_id, title, created_by) select conversation_id, 'Absent', $1::text || '-owner' from c returning 1)
		insert into message.message (conversation_id, seq, sender_id, client_msg_id, payload_hash, kind, body, created_at)
		select conversation_id, s, $1::text || '-owner', md5(conversation_id || '-' || s), ''::bytea, 'text', '{"text":"' || repeat('x', 200) || '"}', now() - interval '1 hour'
		from c, generate_series(1, 50) s`, bob.name)
	if err != nil {
		t.Fatal(err)
	}
	var first answer
	for n := range 3 {
		a := bob.call(t, "POST", "sync-messages", "{}")
		if n == 0 {
			first = a
		}
		if !bytes.Equal(a.body, first.body) {
			t.Error("the same question has another answer")
		}
	}
	var v syncView
	first.into(t, 200, &v)
	messages, left := 0, int64(0)
	for _, p := range v.Conversations {
		messages += len(p.Messages)
		if p.Gap != nil {
			left += p.Gap.To - p.Gap.From + 1
		}
	}
	if len(v.Conversations) != 200 || messages+int(left) != 10_000 || messages < 3000 || len(first.body) > 4<<20 || len(v.Conversations[0].Messages) != 50 {
		t.Errorf("%d conversations, %d messages, %d left, %d bytes", len(v.Conversations), messages, left, len(first.body))
	}
}

func TestConversationsReadAndReceipts(t *testing.T) {
	t.Parallel()
	h := open(t)
	alice, bob, carol := h.talker(t), h.talker(t), h.talker(t)
	g := alice.found(t, bob, carol)
	alice.say(t, g.GroupID, "1")
	bob.say(t, g.GroupID, "2")
	alice.say(t, g.GroupID, "3")
	d := alice.write(t, bob, "4").Conversation
	list, lengths := pages[conversationView](t, bob.person, "sync-messages/conversations", 1)
	if len(list) != 2 || !slices.Equal(lengths, []int{1, 1}) || list[0].Conversation != d || list[0].Kind != "direct" || *list[0].Peer != alice.name || list[0].Title != nil ||
		list[0].Unread != 1 || list[0].LastMessage.From != alice.name {
		t.Fatalf("%+v in pages of %v", list, lengths)
	}
	if v := list[1]; v.Conversation != g.GroupID || *v.Title != "A test's own" || v.Peer != nil || v.LastSeq != 3 || v.ReadSeq != 0 || v.Unread != 2 || v.MutedUntil != nil || v.LastMessage.Seq != 3 {
		t.Errorf("%+v", v)
	}
	path := "sync-messages/" + g.GroupID
	read := func(who talker, seq int64) {
		who.call(t, "POST", path+"/read", map[string]int64{"seq": seq}).into(t, 204, nil)
	}
	type receipts struct {
		Read    int      `json:"read"`
		Members int      `json:"members"`
		Users   []string `json:"users"`
	}
	seen := func(seq int, want ...string) {
		t.Helper()
		var v receipts
		carol.call(t, "GET", fmt.Sprintf("%s/receipts?seq=%d", path, seq), nil).into(t, 200, &v)
		slices.Sort(want)
		if v.Read != len(want) || v.Members != 3 || v.Users == nil || !slices.Equal(v.Users, want) {
			t.Errorf("%d was read by %+v, want %v", seq, v, want)
		}
	}
	seen(1)
	// A cursor moves forward only, and no further than the last message.
	for _, step := range []struct{ seq, cursor, unread int64 }{{1, 1, 1}, {3, 3, 0}, {2, 3, 0}, {0, 3, 0}, {1 << 60, 3, 0}} {
		read(bob, step.seq)
		var got page[conversationView]
		bob.call(t, "GET", "sync-messages/conversations", nil).into(t, 200, &got)
		if v := got.Items[1]; v.ReadSeq != step.cursor || v.Unread != step.unread {
			t.Errorf("read up to %d: %+v", step.seq, v)
		}
	}
	read(carol, 2)
	seen(1, bob.name, carol.name)
	seen(2, carol.name) // bob has said it
	seen(3, bob.name)
}

func TestReadingThatIsRefused(t *testing.T) {
	t.Parallel()
	h := open(t)
	carol := h.talker(t)
	g := carol.found(t)
	for range 3 {
		carol.say(t, g.GroupID, "x")
	}
	path := "sync-messages/" + g.GroupID
	for _, seq := range []string{"0", "4", "-1", "x", "", "9223372036854775808"} {
		carol.call(t, "GET", path+"/receipts?seq="+seq, nil).fails(t, 400, "invalid_seq")
	}
	for _, body := range []string{`{}`, `{"seq":-1}`, `{"seq":null}`} {
		carol.call(t, "POST", path+"/read", body).fails(t, 400, "invalid_seq")
	}
	for _, query := range []string{"before=0", "before=-1", "before=x", "before=%2B5", "before=99999999999999999999"} {
		carol.call(t, "GET", path+"?"+query, nil).fails(t, 400, "invalid_cursor")
	}
	for _, path := range []string{"sync-messages/conversations", path, "manage-group", "manage-group/" + g.GroupID + "/members"} {
		carol.call(t, "GET", path+"?limit=0", nil).fails(t, 400, "invalid_limit")
	}
	for _, path := range []string{"sync-messages/conversations", "manage-group", "manage-group/" + g.GroupID + "/members"} {
		for _, after := range []string{"!!", strings.Repeat("A", 500), "%27%20or%201=1"} {
			carol.call(t, "GET", path+"?after="+after, nil).fails(t, 400, "invalid_cursor")
		}
	}
}

func TestPresence(t *testing.T) {
	t.Parallel()
	h := open(t)
	alice, bob := h.talker(t), h.talker(t)
	cache, err := rdb.Open(h.Redis)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cache.Close() })
	people, node := presence.NewStore(cache, 10), "node-"+short()
	if err := people.Renew(t.Context(), node); err != nil {
		t.Fatal(err)
	}
	if _, err := people.Hold(t.Context(), presence.Session{ID: "s1", User: bob.name, Node: node, Device: "laptop"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	type person struct {
		User       string  `json:"user"`
		Online     bool    `json:"online"`
		LastActive *moment `json:"last_active"`
	}
	var got page[person]
	eventually(t, patience, "the node to be known", func() bool {
		alice.call(t, "GET", "sync-messages/presence?users="+url.QueryEscape("nobody-"+alice.name+","+bob.name+","+bob.name), nil).into(t, 200, &got)
		return got.Items[1].Online
	})
	if len(got.Items) != 2 || got.Items[0].Online || got.Items[0].LastActive != nil || got.Items[1].User != bob.name || got.Items[1].LastActive == nil || got.Next != nil {
		t.Errorf("%+v", got)
	}
	for _, users := range []string{"", "a,,b", "a%20b", strings.Repeat("a,", 100) + "a", strings.Repeat("x", 65)} {
		if p := alice.call(t, "GET", "sync-messages/presence?users="+users, nil).fails(t, 400, "invalid_users"); p.Field != "users" {
			t.Errorf("%.20q names %q", users, p.Field)
		}
	}
}
