package contract_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
)

// forum is alice's group with bob, in which something was said, and what they
// have said alone, with all routes of messages and groups aimed at them.
type forum struct {
	*house
	alice, bob talker
	group      groupView
	direct     string
}

func newForum(t testing.TB) *forum {
	t.Helper()
	h := open(t)
	f := &forum{house: h, alice: h.talker(t), bob: h.talker(t)}
	f.group = f.alice.found(t, f.bob)
	f.alice.say(t, f.group.GroupID, "hi")
	f.direct = f.alice.write(t, f.bob, "hi").Conversation
	return f
}

// writes are all routes with a body, by somebody who may call them.
func (f *forum) writes() []endpoint {
	g, a := f.group.GroupID, f.alice.person
	return []endpoint{
		{"POST", "push-message", a, `{"conversation":"` + g + `","client_msg_id":"` + uuid.NewString() + `","kind":"text","body":{}}`},
		{"POST", "push-message/" + g + "/recall", a, `{"seq":1}`},
		{"POST", "sync-messages", a, `{"cursors":{},"limit":1}`},
		{"POST", "sync-messages/" + g + "/read", a, `{"seq":1}`},
		{"POST", "manage-group", a, `{"title":"x","members":[]}`},
		{"PATCH", "manage-group/" + g, a, `{"title":"x"}`},
		{"PUT", "manage-group/" + g + "/members/" + f.bob.name, a, `{"role":"admin"}`},
	}
}

// closed are the routes of a conversation and of a group, of which those who are
// not in it know nothing.
func (f *forum) closed(conversation, group string) []endpoint {
	none := person{}
	return []endpoint{
		{"POST", "push-message", none, `{"conversation":"` + conversation + `","client_msg_id":"x","kind":"text","body":{}}`},
		{"POST", "push-message/" + conversation + "/recall", none, `{"seq":1}`},
		{"GET", "sync-messages/" + conversation, none, ""},
		{"POST", "sync-messages/" + conversation + "/read", none, `{"seq":1}`},
		{"GET", "sync-messages/" + conversation + "/receipts?seq=1", none, ""},
		{"GET", "manage-group/" + group, none, ""},
		{"PATCH", "manage-group/" + group, none, `{"title":"x"}`},
		{"DELETE", "manage-group/" + group, none, ""},
		{"GET", "manage-group/" + group + "/members", none, ""},
		{"PUT", "manage-group/" + group + "/members/" + f.bob.name, none, `{}`},
		{"DELETE", "manage-group/" + group + "/members/" + f.bob.name, none, ""},
	}
}

// unchanged runs something and checks that nothing has changed for alice and bob.
func (f *forum) unchanged(t testing.TB, do func()) {
	t.Helper()
	look := func() string {
		var all strings.Builder
		for _, path := range []string{"sync-messages/conversations", "sync-messages/" + f.group.GroupID, "sync-messages/" + f.direct,
			"manage-group/" + f.group.GroupID, "manage-group/" + f.group.GroupID + "/members"} {
			a := f.bob.call(t, "GET", path, nil)
			a.into(t, 200, nil)
			all.Write(append(a.body, '\n'))
		}
		return all.String()
	}
	before := look()
	do()
	if after := look(); after != before {
		t.Errorf("something has changed:\n%s\nnow:\n%s", before, after)
	}
}

func TestStrangersFindNothing(t *testing.T) {
	t.Parallel()
	f := newForum(t)
	eve := f.talker(t)
	f.unchanged(t, func() {
		for _, who := range []person{eve.person, f.admin(t), f.storekeeper(t)} {
			for _, conversation := range []string{f.group.GroupID, f.direct, "g_none", "conversations-", "%2e%2e"} {
				for _, e := range f.closed(conversation, conversation) {
					if e.path == "push-message" && strings.Contains(conversation, "%") {
						continue
					}
					who.call(t, e.method, e.path, e.body).fails(t, 404, "not_found")
				}
			}
		}
		if got := eve.sync(t, map[string]int64{f.group.GroupID: 0, f.direct: 0}, 10); len(got.Conversations) != 0 || len(got.Removed) != 2 {
			t.Errorf("%+v", got)
		}
		// A direct conversation is no group to those who are in it either.
		for _, e := range f.closed(f.direct, f.direct)[5:] {
			f.alice.call(t, e.method, e.path, e.body).fails(t, 404, "not_found")
		}
		for _, user := range []string{"shop", eve.name} {
			eve.call(t, "PUT", "manage-group/"+f.group.GroupID+"/members/"+user, `{}`).fails(t, 404, "not_found")
		}
		f.alice.call(t, "PUT", "manage-group/"+f.group.GroupID+"/members/shop", `{}`).fails(t, 404, "not_found")
	})
}

func TestMessagesWantAToken(t *testing.T) {
	t.Parallel()
	f := newForum(t)
	m := f.mint(t)
	doors := append(f.closed(f.group.GroupID, f.group.GroupID), endpoint{"POST", "sync-messages", person{}, "{}"}, endpoint{"GET", "sync-messages/conversations", person{}, ""},
		endpoint{"GET", "sync-messages/presence?users=a", person{}, ""}, endpoint{"POST", "manage-group", person{}, `{"title":"x"}`}, endpoint{"GET", "manage-group", person{}, ""})
	f.unchanged(t, func() {
		forged := m.forgeries(t)
		for _, e := range doors {
			f.nobody().call(t, e.method, e.path, e.body).fails(t, 401, "token_missing")
			for _, what := range []string{"alg none", "HS256 by the public key", "a stranger's key", "another's claims", "no exp", "aud", "no sid"} {
				person{f.house, forged[what]}.call(t, e.method, e.path, e.body).fails(t, 401, "invalid_token")
			}
		}
	})
}

func TestMalformedBodiesOfMessages(t *testing.T) {
	t.Parallel()
	f := newForum(t)
	f.unchanged(t, func() {
		for _, e := range f.writes() {
			for _, body := range malformed() {
				e.who.call(t, e.method, e.path, body).fails(t, 400, "invalid_body")
			}
			name := strings.Split(e.body, `"`)[1]
			for body, field := range map[string]string{
				e.body + "x":    "",
				e.body + e.body: "",
				e.body[:len(e.body)-1] + "," + e.body[1:]:               name,
				e.body[:len(e.body)-1] + `,"surprise":null}`:            "surprise",
				strings.Replace(e.body, name, strings.ToUpper(name), 1): strings.ToUpper(name),
			} {
				if p := e.who.call(t, e.method, e.path, body).fails(t, 400, "invalid_body"); p.Field != field {
					t.Errorf("%s %s names %q, want %q", e.path, body, p.Field, field)
				}
			}
			large := `{"` + name + `":"` + strings.Repeat("x", 1<<20) + `"}`
			e.who.call(t, e.method, e.path, large).fails(t, 413, "too_large")
			e.who.call(t, e.method, e.path, chunked{strings.NewReader(large)}).fails(t, 413, "too_large")
		}
	})
}

func TestFieldsOfMessagesOfTheWrongForm(t *testing.T) {
	t.Parallel()
	f := newForum(t)
	writes := f.writes()
	f.unchanged(t, func() {
		for _, x := range []struct {
			of     int // of the writes
			body   string
			values []string
		}{
			{0, `{"conversation":%s,"client_msg_id":"x","kind":"text","body":{}}`, notTexts()},
			{0, `{"to":%s,"client_msg_id":"x","kind":"text","body":{}}`, notTexts()},
			{0, `{"to":"x","client_msg_id":%s,"kind":"text","body":{}}`, notTexts()},
			{0, `{"to":"x","client_msg_id":"x","kind":%s,"body":{}}`, notTexts()},
			{0, `{"to":"x","client_msg_id":"x","kind":"text","body":%s}`, []string{"null", "true", "1", "[]", `"x"`}},
			{1, `{"seq":%s}`, []string{"null", "true", `"1"`, "[]", "{}", "1.5", "1e400", "-0", "0", "9223372036854775808"}},
			{2, `{"cursors":{"x":%s}}`, []string{"true", `"1"`, "[]", "{}", "1.5", "-1", "9223372036854775808"}},
			{2, `{"limit":%s}`, []string{"true", `"1"`, "[]", "{}", "1.5", "0", "-1", "9223372036854775808"}},
			{3, `{"seq":%s}`, []string{"null", "true", `"1"`, "[]", "{}", "1.5", "-1", "9223372036854775808"}},
			{4, `{"title":%s,"members":[]}`, append(notTexts(), `" x"`, `"a\nb"`)},
			{4, `{"title":"x","members":%s}`, []string{"true", "1", `"x"`, "{}", "[1]", "[null]", `[""]`, `["a b"]`, `["a","a"]`}},
			{4, `{"title":"x","open":%s}`, []string{"1", `"true"`, "[]", "{}"}},
			{5, `{"title":%s}`, notTexts()},
			{5, `{"open":%s}`, []string{"null", "1", `"true"`, "[]", "{}"}},
			{6, `{"role":%s}`, []string{"true", "1", "[]", "{}", `"king"`, `"Owner"`}},
			{6, `{"muted_until":%s}`, []string{"true", "1", "[]", "{}", `""`, `"soon"`, `"2026-13-01T00:00:00Z"`, `"2026-01-02 03:04:05Z"`, `"2026-01-02T03:04:05"`}},
		} {
			e := writes[x.of]
			for _, value := range append(x.values, notJSON()...) {
				a := e.who.call(t, e.method, e.path, strings.Replace(x.body, "%s", value, 1))
				var p problem
				if a.status != 400 {
					t.Errorf("%s %s: %d %s", e.path, strings.Replace(x.body, "%s", value, 1), a.status, a.body)
					continue
				}
				if p = a.fails(t, 400, codeOf(a)); !strings.HasPrefix(p.Code, "invalid_") {
					t.Errorf("%s %s: %s", e.path, value, p.Code)
				}
			}
		}
	})
}

// codeOf is the code of a problem.
func codeOf(a answer) string {
	_, rest, _ := strings.Cut(string(a.body), `"code":"`)
	code, _, _ := strings.Cut(rest, `"`)
	return code
}
