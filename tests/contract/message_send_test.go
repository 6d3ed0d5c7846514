package contract_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestAMessageIsStoredOnce(t *testing.T) {
	t.Parallel()
	h := open(t)
	alice, bob := h.talker(t), h.talker(t)
	id := uuid.NewString()
	body := `{"to":"` + bob.name + `","client_msg_id":"` + id + `","kind":"text","body":{ "text": "hi <&>" }}`
	var first, again sentView
	alice.call(t, "POST", "push-message", body).into(t, 200, &first)
	if first.Seq != 1 || first.Duplicate || first.Conversation == "" || first.MessageID == "" || time.Since(first.SentAt.Time).Abs() > time.Minute {
		t.Errorf("%+v", first)
	}
	alice.call(t, "POST", "push-message", strings.Replace(body, `{ "text": "hi <&>" }`, `{"text":"hi <&>"}`, 1)).into(t, 200, &again)
	if again.Duplicate = !again.Duplicate; again != first {
		t.Errorf("again it is %+v, first it was %+v", again, first)
	}
	// The same id for something else.
	for _, other := range []string{
		strings.Replace(body, "hi", "ho", 1), strings.Replace(body, `"kind":"text"`, `"kind":"image"`, 1), strings.Replace(body, bob.name, "talker-none", 1),
	} {
		alice.call(t, "POST", "push-message", other).fails(t, 422, "client_msg_id_reused")
	}
	// Another's id is another id, and the pair has one conversation.
	var back sentView
	bob.call(t, "POST", "push-message", strings.Replace(body, bob.name, alice.name, 1)).into(t, 200, &back)
	if back.Conversation != first.Conversation || back.Seq != 2 || back.MessageID == first.MessageID {
		t.Errorf("%+v, after %+v", back, first)
	}
	for _, who := range []talker{alice, bob} {
		all := who.history(t, first.Conversation)
		if len(all) != 2 || all[1].From != alice.name || all[0].From != bob.name || all[1].ClientMsgID != id || string(all[1].Body) != `{"text":"hi <&>"}` ||
			all[1].MessageID != first.MessageID || !all[1].SentAt.Equal(first.SentAt.Time) || all[1].Kind != "text" {
			t.Errorf("%+v", all)
		}
	}
}

// Fifty at once are numbered without a hole, and everybody sees them in one order.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	h := open(t)
	owner, others := h.talker(t), []talker{}
	for range 5 {
		others = append(others, h.talker(t))
	}
	g := owner.found(t, others...)
	var all sync.WaitGroup
	for i, who := range append(others, owner) {
		all.Go(func() {
			for n := range 8 {
				who.say(t, g.GroupID, fmt.Sprintf("%d-%d", i, n))
			}
		})
	}
	all.Wait()
	want := owner.history(t, g.GroupID)
	for i, m := range want {
		if m.Seq != int64(48-i) {
			t.Fatalf("message %d has the number %d", 48-i, m.Seq)
		}
	}
	for _, who := range others {
		if got := who.history(t, g.GroupID); texts(got) != texts(want) {
			t.Errorf("%s sees\n%s\nthe owner\n%s", who.name, texts(got), texts(want))
		}
	}
}

func TestMessagesThatAreRefused(t *testing.T) {
	t.Parallel()
	h := open(t)
	alice, bob := h.talker(t), h.talker(t)
	c := alice.write(t, bob, "hi").Conversation
	good := `{"conversation":"` + c + `","client_msg_id":"x","kind":"text","body":{"text":"a"}}`
	with := func(old, now string) string { return strings.Replace(good, old, now, 1) }
	conversation := `"conversation":"` + c + `"`
	for _, x := range []struct {
		body   string
		status int
		code   string
		field  string
	}{
		{with(conversation, conversation+`,"to":"`+bob.name+`"`), 400, "invalid_recipient", "to"},
		{with(conversation+`,`, ""), 400, "invalid_recipient", "to"},
		{with(conversation, `"to":"`+alice.name+`"`), 400, "invalid_recipient", "to"},
		{with(conversation, `"to":"a b"`), 400, "invalid_recipient", "to"},
		{with(conversation, `"to":"`+strings.Repeat("x", 65)+`"`), 400, "invalid_recipient", "to"},
		{with(c, "d_none"), 404, "not_found", ""},
		{with(c, "../x"), 404, "not_found", ""},
		{with(`"x"`, `""`), 400, "invalid_client_msg_id", "client_msg_id"},
		{with(`"x"`, `"a.b"`), 400, "invalid_client_msg_id", "client_msg_id"},
		{with(`"x"`, `"`+strings.Repeat("x", 65)+`"`), 400, "invalid_client_msg_id", "client_msg_id"},
		{with(`"kind":"text"`, `"kind":""`), 400, "invalid_kind", "kind"},
		{with(`"kind":"text"`, `"kind":"Text"`), 400, "invalid_kind", "kind"},
		{with(`"kind":"text"`, `"kind":"shop.order"`), 400, "invalid_kind", "kind"},
		{with(`"kind":"text"`, `"kind":"`+strings.Repeat("x", 33)+`"`), 400, "invalid_kind", "kind"},
		{with(`{"text":"a"}`, `[]`), 400, "invalid_body", "body"},
		{with(`{"text":"a"}`, `"a"`), 400, "invalid_body", "body"},
		{with(`{"text":"a"}`, `null`), 400, "invalid_body", "body"},
		{with(`,"body":{"text":"a"}`, ``), 400, "invalid_body", "body"},
		{with(`{"text":"a"}`, `{"text":"`+strings.Repeat("a", 16384-10)+`"}`), 413, "too_large", "body"},
		{with(`{"text":"a"}`, `{"text":"a\u0000b"}`), 400, "invalid_body", "body.text"},
		{with(`{"text":"a"}`, `{"text":"a","text":"b"}`), 400, "invalid_body", "body.text"},
		{with(`{"text":"a"}`, `{"text":"`+"\xff"+`"}`), 400, "invalid_body", "body.text"},
		// Who says it, its number and its time are not the caller's to say.
		{with(`"kind"`, `"from":"`+bob.name+`","kind"`), 400, "invalid_body", "from"},
		{with(`"kind"`, `"sender":"`+bob.name+`","kind"`), 400, "invalid_body", "sender"},
		{with(`"kind"`, `"seq":1,"kind"`), 400, "invalid_body", "seq"},
		{with(`"kind"`, `"sent_at":"2001-01-01T00:00:00Z","kind"`), 400, "invalid_body", "sent_at"},
		{with(`"kind"`, `"message_id":"x","kind"`), 400, "invalid_body", "message_id"},
	} {
		if p := alice.call(t, "POST", "push-message", x.body).fails(t, x.status, x.code); p.Field != x.field {
			t.Errorf("%.120s names %q, want %q", x.body, p.Field, x.field)
		}
	}
	for _, socket := range []string{"a,b", "a b", strings.Repeat("x", 65)} {
		h.letters(t, letter{alice.token, socket, json.RawMessage(good)})[0].fails(t, "invalid", "invalid_letter", "socket")
	}
	if got := bob.history(t, c); texts(got) != "hi" {
		t.Errorf("refused and said: %s", texts(got))
	}
	// The longest that there may be.
	alice.call(t, "POST", "push-message", with(`{"text":"a"}`, `{"text":"`+strings.Repeat("a", 16384-11)+`"}`)).into(t, 200, nil)
	h.as(t, "shop").call(t, "POST", "push-message", good).fails(t, 403, "denied")
}

func TestRecall(t *testing.T) {
	t.Parallel()
	h := open(t)
	alice, bob, eve := h.talker(t), h.talker(t), h.talker(t)
	m := alice.write(t, bob, "oh")
	bob.write(t, alice, "no")
	path := "push-message/" + m.Conversation + "/recall"
	recall := func(who talker, path string, seq int64) answer {
		return who.call(t, "POST", path, map[string]int64{"seq": seq})
	}
	recall(bob, path, 1).fails(t, 403, "denied")
	recall(eve, path, 1).fails(t, 404, "not_found")
	recall(alice, path, 3).fails(t, 404, "not_found")
	recall(alice, "push-message/d_none/recall", 1).fails(t, 404, "not_found")
	for _, seq := range []int64{0, -1} {
		recall(alice, path, seq).fails(t, 400, "invalid_seq")
	}
	var first, again struct {
		Conversation string `json:"conversation"`
		Seq          int64  `json:"seq"`
		RecalledAt   moment `json:"recalled_at"`
	}
	recall(alice, path, 1).into(t, 200, &first)
	recall(alice, path, 1).into(t, 200, &again)
	if first != again || first.Seq != 1 || first.Conversation != m.Conversation || first.RecalledAt.Before(m.SentAt.Time) {
		t.Errorf("%+v, then %+v", first, again)
	}
	all := bob.history(t, m.Conversation)
	if string(all[1].Body) != "{}" || all[1].RecalledAt == nil || !all[1].RecalledAt.Equal(first.RecalledAt.Time) || all[1].Kind != "text" || all[0].RecalledAt != nil {
		t.Errorf("%+v", all)
	}
	// Who had it is told by the next sync.
	got := bob.sync(t, map[string]int64{m.Conversation: 2}, 10)
	if len(got.Conversations) != 1 || !slices.Equal(got.Conversations[0].Recalled, []int64{1}) || len(got.Conversations[0].Messages) != 0 {
		t.Errorf("%+v", got)
	}
	// After two minutes it is too late for oneself, not for who leads a group.
	g := alice.found(t, bob, eve)
	late := bob.say(t, g.GroupID, "late")
	own := alice.say(t, g.GroupID, "own")
	if _, err := h.Pool.Exec(t.Context(), `update message.message set created_at = now() - interval '121 seconds' where conversation_id = $1`, g.GroupID); err != nil {
		t.Fatal(err)
	}
	path = "push-message/" + g.GroupID + "/recall"
	recall(bob, path, late.Seq).fails(t, 403, "recall_too_late")
	recall(alice, path, own.Seq).fails(t, 403, "recall_too_late")
	recall(eve, path, late.Seq).fails(t, 403, "denied")
	recall(alice, path, late.Seq).into(t, 200, nil)
	recall(eve, path, own.Seq).fails(t, 403, "denied")
}
