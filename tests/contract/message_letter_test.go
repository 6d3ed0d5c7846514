package contract_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// line is p's letter that says something in a conversation, new each time.
func (p talker) line(conversation, text string) letter {
	return letter{p.token, "n1-7", talk{Conversation: conversation, ClientMsgID: uuid.NewString(), Kind: "text", Body: map[string]string{"text": text}}}
}

func TestLettersOfSeveralPeopleAreStoredOnce(t *testing.T) {
	t.Parallel()
	h := open(t)
	alice, bob, carol := h.talker(t), h.talker(t), h.talker(t)
	c := alice.write(t, bob, "0").Conversation
	g := carol.found(t, alice).GroupID
	all := []letter{alice.line(c, "1"), bob.line(c, "2"), carol.line(g, "hi"), alice.line(c, "3"), bob.line(c, "4")}
	first := h.letters(t, all...)
	for i, want := range []sentView{{Conversation: c, Seq: 2}, {Conversation: c, Seq: 3}, {Conversation: g, Seq: 1}, {Conversation: c, Seq: 4}, {Conversation: c, Seq: 5}} {
		got := first[i].at(t)
		if got.Conversation != want.Conversation || got.Seq != want.Seq || got.Duplicate || got.MessageID == "" {
			t.Errorf("letter %d is at %+v", i, got)
		}
	}
	// Who had no answer asks again, in whatever order.
	slices.Reverse(all)
	slices.Reverse(first)
	for i, v := range h.letters(t, all...) {
		got, before := v.at(t), first[i].at(t)
		if before.Duplicate = true; got != before {
			t.Errorf("again letter %d is at %+v, before at %+v", i, got, before)
		}
	}
	for _, who := range []talker{alice, bob} {
		said := who.history(t, c)
		if texts(said) != "4 3 2 1 0" || said[0].From != bob.name || said[1].From != alice.name || said[2].From != bob.name || said[3].From != alice.name {
			t.Errorf("%s sees %+v", who.name, said)
		}
	}
	if said := alice.history(t, g); texts(said) != "hi" || said[0].From != carol.name {
		t.Errorf("the group has %+v", said)
	}
}

// The same act twice in one call, and something else under its id.
func TestALetterTwiceInACallIsStoredOnce(t *testing.T) {
	t.Parallel()
	h := open(t)
	alice, bob := h.talker(t), h.talker(t)
	c := alice.write(t, bob, "0").Conversation
	one := alice.line(c, "1")
	other := one
	m := one.Message.(talk)
	m.Body = map[string]string{"text": "2"}
	other.Message = m
	got := h.letters(t, one, one, other, bob.line(c, "3"))
	first, again := got[0].at(t), got[1].at(t)
	if first.Seq != 2 || first.Duplicate || !again.Duplicate {
		t.Errorf("%+v, then %+v", first, again)
	}
	if again.Duplicate = false; again != first {
		t.Errorf("%+v, then %+v", first, again)
	}
	got[2].fails(t, "mismatch", "client_msg_id_reused", "client_msg_id")
	if said := bob.history(t, c); texts(said) != "3 1 0" || got[3].at(t).Seq != 3 {
		t.Errorf("%+v", said)
	}
}

func TestALetterThatIsRefusedLeavesTheOthers(t *testing.T) {
	t.Parallel()
	h := open(t)
	alice, bob, eve := h.talker(t), h.talker(t), h.talker(t)
	c := alice.write(t, bob, "0").Conversation
	gone := talker{person{h, h.signIn(t, "buyer0012").AccessToken}, "buyer0012"}
	theirs := gone.write(t, eve, "0").Conversation
	gone.call(t, "DELETE", "issue-token", nil).into(t, 204, nil)
	eventually(t, patience, "push-message to know who is signed out", func() bool {
		return gone.call(t, "POST", "push-message", "{}").status == 401
	})
	garbage, nameless, spoof := alice.line(c, "no"), alice.line(c, "no"), alice.line(c, "no")
	garbage.Token += "x"
	nameless.Token = ""
	spoof.Message = map[string]any{"conversation": c, "client_msg_id": "x", "kind": "text", "body": struct{}{}, "from": bob.name}
	got := h.letters(t, alice.line(c, "1"), eve.line(c, "no"), bob.line(c, "2"), gone.line(theirs, "no"), alice.line(c, "3"), garbage, bob.line(c, "4"), nameless, alice.line(c, "5"), spoof, bob.line(c, "6"))
	got[1].fails(t, "not_found", "not_found", "")
	got[3].fails(t, "unauthenticated", "session_revoked", "")
	got[5].fails(t, "unauthenticated", "invalid_token", "")
	got[7].fails(t, "unauthenticated", "token_missing", "")
	got[9].fails(t, "invalid", "invalid_body", "from")
	for i := 0; i < len(got); i += 2 {
		if at := got[i].at(t); at.Seq != int64(2+i/2) {
			t.Errorf("letter %d has the number %d", i, at.Seq)
		}
	}
	if said := bob.history(t, c); texts(said) != "6 5 4 3 2 1 0" {
		t.Errorf("said is %s", texts(said))
	}
	if said := eve.history(t, theirs); texts(said) != "0" {
		t.Errorf("who is signed out says %s", texts(said))
	}
}

func TestForgedTokensBringNoLetters(t *testing.T) {
	t.Parallel()
	f := newForum(t)
	f.unchanged(t, func() {
		for what, token := range f.mint(t).forgeries(t) {
			l := f.alice.line(f.group.GroupID, "no")
			l.Token = token
			if f.letters(t, l)[0].fails(t, "unauthenticated", "invalid_token", ""); t.Failed() {
				t.Fatal(what)
			}
		}
		// A letter needs a token of its own, whoever brings it.
		body := `{"message":{"conversation":"` + f.group.GroupID + `","client_msg_id":"x","kind":"text","body":{}}}`
		if a := f.alice.call(t, "POST", "push-message/letters", body); a.status != 200 || !strings.Contains(string(a.body), `"code":"token_missing"`) {
			t.Errorf("answered %d %s", a.status, a.body)
		}
	})
}

func TestACallOfLettersHasALimit(t *testing.T) {
	t.Parallel()
	f := newForum(t)
	line := `{"token":"` + f.alice.token + `","socket":"","message":{"conversation":"` + f.group.GroupID + `","client_msg_id":"x","kind":"text","body":{}}}`
	path, most := "push-message/letters", line+strings.Repeat(" ", 512<<10-len(line))
	f.unchanged(t, func() {
		for _, body := range []any{most + " ", chunked{strings.NewReader(most + " ")}, strings.Repeat("\n", 10<<20)} {
			f.nobody().call(t, "POST", path, body).fails(t, 413, "too_large")
		}
		f.nobody().call(t, "POST", path, strings.Repeat(line+"\n", 65)).fails(t, 400, "too_many_letters")
		f.nobody().call(t, "GET", path, nil).fails(t, 405, "method_not_allowed")
	})
	if a := f.nobody().call(t, "POST", path, most); a.status != 200 || !strings.HasPrefix(string(a.body), `{"sent":`) {
		t.Errorf("answered %d %.300s", a.status, a.body)
	}
}
