package contract_test

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// group asks for a group.
func (p talker) group(t testing.TB, g groupView) (v groupView) {
	t.Helper()
	p.call(t, "GET", "manage-group/"+g.GroupID, nil).into(t, 200, &v)
	return v
}

// roles are the members of a group with their roles, as name=role.
func (p talker) roles(t testing.TB, g groupView) map[string]string {
	t.Helper()
	all, _ := pages[memberView](t, p.person, "manage-group/"+g.GroupID+"/members", 2)
	found := map[string]string{}
	for _, m := range all {
		found[m.User] = m.Role
	}
	return found
}

func TestAGroupIsMade(t *testing.T) {
	t.Parallel()
	h := open(t)
	alice, bob := h.talker(t), h.talker(t)
	g := alice.found(t, bob, alice)
	if g.Role != "owner" || g.Members != 2 || g.Open || g.CreatedBy != alice.name || g.Title != "A test's own" || g.Version < 1 || g.MutedUntil != nil || time.Since(g.CreatedAt.Time).Abs() > time.Minute {
		t.Errorf("%+v", g)
	}
	if got := alice.group(t, g); got != g {
		t.Errorf("%+v, made was %+v", got, g)
	}
	want := g
	want.Role = "member"
	if got, _ := pages[groupView](t, bob.person, "manage-group", 1); len(got) != 1 || got[0] != want {
		t.Errorf("%+v", got)
	}
	other := bob.found(t)
	if got, lengths := pages[groupView](t, bob.person, "manage-group", 1); len(got) != 2 || len(lengths) != 2 || other.Members != 1 {
		t.Errorf("%+v in pages of %v", got, lengths)
	}
	var changed groupView
	alice.call(t, "PATCH", "manage-group/"+g.GroupID, `{"title":"Tea 茶","open":true}`).into(t, 200, &changed)
	if changed.Title != "Tea 茶" || !changed.Open || changed.Version != g.Version {
		t.Errorf("%+v", changed)
	}
	alice.call(t, "PATCH", "manage-group/"+g.GroupID, `{"open":false}`).into(t, 200, &changed)
	if changed.Title != "Tea 茶" || changed.Open {
		t.Errorf("%+v", changed)
	}
}

// TestRolesInAGroup goes through who may do what to whom.
func TestRolesInAGroup(t *testing.T) {
	t.Parallel()
	h := open(t)
	owner, ada, adam, mia, max, zoe := h.talker(t), h.talker(t), h.talker(t), h.talker(t), h.talker(t), h.talker(t)
	g := owner.found(t, ada, adam, mia, max)
	for _, who := range []talker{ada, adam} {
		var m memberView
		owner.put(t, g, who, `{"role":"admin"}`).into(t, 200, &m)
		if m.User != who.name || m.Role != "admin" || m.MutedUntil != nil {
			t.Errorf("%+v", m)
		}
	}
	for _, x := range []struct {
		who, whom talker
		body      string // "-" removes
		status    int
		code      string
	}{
		{mia, zoe, `{}`, 403, "denied"},
		{mia, max, `{"muted_until":null}`, 403, "denied"},
		{mia, max, `-`, 403, "denied"},
		{mia, mia, `{"role":"owner"}`, 403, "denied"},
		{ada, mia, `{"role":"admin"}`, 403, "denied"},
		{ada, zoe, `{"role":"admin"}`, 403, "denied"},
		{ada, adam, `{"muted_until":"2999-01-01T00:00:00Z"}`, 403, "denied"},
		{ada, adam, `-`, 403, "denied"},
		{ada, owner, `-`, 403, "denied"},
		{ada, zoe, `-`, 404, "not_found"},
		{zoe, zoe, `{}`, 404, "not_found"},
		{zoe, zoe, `-`, 404, "not_found"},
		{owner, owner, `{"role":"member"}`, 409, "owner_needed"},
		{owner, owner, `-`, 409, "owner_must_hand_over"},
		{owner, zoe, `{"role":"owner"}`, 403, "denied"},
		{ada, mia, `{"role":"king"}`, 400, "invalid_role"},
	} {
		if x.body == "-" {
			x.who.remove(t, g, x.whom).fails(t, x.status, x.code)
		} else {
			x.who.put(t, g, x.whom, x.body).fails(t, x.status, x.code)
		}
	}
	mia.call(t, "PATCH", "manage-group/"+g.GroupID, `{"title":"x"}`).fails(t, 403, "denied")
	ada.call(t, "DELETE", "manage-group/"+g.GroupID, nil).fails(t, 403, "denied")
	if got := zoe.call(t, "GET", "manage-group", nil); string(got.body) != `{"items":[],"next":null}` {
		t.Errorf("%s", got.body)
	}
	if roles := ada.roles(t, g); len(roles) != 5 || roles[owner.name] != "owner" || roles[ada.name] != "admin" || roles[mia.name] != "member" {
		t.Errorf("%v", roles)
	}
}

// The owner hands over and goes, and who owns the group then ends it.
func TestTheEndOfAGroup(t *testing.T) {
	t.Parallel()
	h := open(t)
	owner, ada, mia, zoe := h.talker(t), h.talker(t), h.talker(t), h.talker(t)
	g := owner.found(t, ada, mia)
	owner.put(t, g, ada, `{"role":"admin"}`).into(t, 200, nil)
	ada.put(t, g, zoe, `{}`).into(t, 201, nil)
	ada.put(t, g, zoe, `{}`).into(t, 200, nil)
	owner.put(t, g, mia, `{"role":"owner"}`).into(t, 200, nil)
	roles := mia.roles(t, g)
	if len(roles) != 4 || roles[mia.name] != "owner" || roles[owner.name] != "admin" || roles[zoe.name] != "member" || mia.group(t, g).Members != 4 {
		t.Errorf("%v", roles)
	}
	owner.remove(t, g, owner).into(t, 204, nil)
	owner.remove(t, g, owner).fails(t, 404, "not_found")
	mia.call(t, "DELETE", "manage-group/"+g.GroupID, nil).into(t, 204, nil)
	for _, who := range []talker{mia, ada, zoe} {
		who.call(t, "GET", "manage-group/"+g.GroupID, nil).fails(t, 404, "not_found")
		who.call(t, "POST", "push-message", talk{Conversation: g.GroupID, ClientMsgID: "x", Kind: "text", Body: struct{}{}}).fails(t, 404, "not_found")
		if got := who.sync(t, map[string]int64{g.GroupID: 0}, 1); !slices.Equal(got.Removed, []string{g.GroupID}) {
			t.Errorf("%+v", got)
		}
	}
}

// Who is removed sees nothing any more; who comes back sees what comes from then on.
func TestRemovedFromAGroup(t *testing.T) {
	t.Parallel()
	h := open(t)
	alice, bob := h.talker(t), h.talker(t)
	g := alice.found(t, bob)
	alice.say(t, g.GroupID, "before")
	bob.say(t, g.GroupID, "mine")
	alice.remove(t, g, bob).into(t, 204, nil)
	f := &forum{house: h, bob: bob}
	for _, e := range f.closed(g.GroupID, g.GroupID) {
		bob.call(t, e.method, e.path, e.body).fails(t, 404, "not_found")
	}
	if got := bob.sync(t, map[string]int64{g.GroupID: 1}, 10); len(got.Conversations) != 0 || !slices.Equal(got.Removed, []string{g.GroupID}) {
		t.Errorf("%+v", got)
	}
	alice.say(t, g.GroupID, "meanwhile")
	alice.put(t, g, bob, `{}`).into(t, 201, nil)
	alice.say(t, g.GroupID, "after")
	if got := texts(bob.history(t, g.GroupID)); got != "after" {
		t.Errorf("who came back sees %q", got)
	}
	got := bob.sync(t, map[string]int64{g.GroupID: 0}, 10).Conversations
	if len(got) != 1 || texts(got[0].Messages) != "after" || got[0].Gap != nil || got[0].LastSeq != 4 {
		t.Errorf("%+v", got)
	}
	bob.call(t, "GET", "sync-messages/"+g.GroupID+"/receipts?seq=1", nil).fails(t, 400, "invalid_seq")
	bob.call(t, "POST", "push-message/"+g.GroupID+"/recall", `{"seq":2}`).fails(t, 404, "not_found")
	// The last one out dissolves the group.
	bob.remove(t, g, bob).into(t, 204, nil)
	alice.remove(t, g, alice).into(t, 204, nil)
	alice.call(t, "GET", "manage-group/"+g.GroupID, nil).fails(t, 404, "not_found")
}

func TestMutedInAGroup(t *testing.T) {
	t.Parallel()
	h := open(t)
	alice, bob := h.talker(t), h.talker(t)
	g := alice.found(t, bob)
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	var m memberView
	alice.put(t, g, bob, fmt.Sprintf(`{"muted_until":%q}`, until.Format(time.RFC3339))).into(t, 200, &m)
	if m.MutedUntil == nil || !m.MutedUntil.Equal(until) || bob.group(t, g).MutedUntil == nil {
		t.Errorf("%+v", m)
	}
	say := talk{Conversation: g.GroupID, ClientMsgID: "m", Kind: "text", Body: struct{}{}}
	a := bob.call(t, "POST", "push-message", say)
	a.fails(t, 403, "muted")
	if after := a.header.Get("Retry-After"); len(after) != 4 || after > "3600" || after < "3500" {
		t.Errorf("to be tried again after %q s", after)
	}
	var list page[conversationView]
	bob.call(t, "GET", "sync-messages/conversations", nil).into(t, 200, &list)
	if len(list.Items) != 1 || list.Items[0].MutedUntil == nil {
		t.Errorf("%+v", list)
	}
	alice.put(t, g, bob, `{"muted_until":null}`).into(t, 200, nil)
	bob.call(t, "POST", "push-message", say).into(t, 200, nil)
	alice.put(t, g, bob, `{"muted_until":"2999-01-01T00:00:00Z"}`).into(t, 200, nil)
	// What was said is answered as it was.
	var again sentView
	bob.call(t, "POST", "push-message", say).into(t, 200, &again)
	if !again.Duplicate {
		t.Errorf("%+v", again)
	}
	bob.call(t, "GET", "sync-messages/"+g.GroupID, nil).into(t, 200, nil) // may read
}

func TestAnOpenGroup(t *testing.T) {
	t.Parallel()
	h := open(t)
	alice, bob, eve := h.talker(t), h.talker(t), h.talker(t)
	g := alice.found(t)
	bob.put(t, g, bob, `{}`).fails(t, 404, "not_found")
	alice.call(t, "PATCH", "manage-group/"+g.GroupID, `{"open":true}`).into(t, 200, nil)
	bob.put(t, g, eve, `{}`).fails(t, 404, "not_found")
	bob.put(t, g, bob, `{"role":"admin"}`).fails(t, 403, "denied")
	bob.call(t, "GET", "manage-group/"+g.GroupID, nil).fails(t, 404, "not_found")
	bob.put(t, g, bob, `{}`).into(t, 201, nil)
	bob.put(t, g, bob, `{}`).into(t, 200, nil)
	if got := bob.roles(t, g); len(got) != 2 || got[bob.name] != "member" {
		t.Errorf("%v", got)
	}
}

func TestGroupsHaveTheirBounds(t *testing.T) {
	t.Parallel()
	h := open(t)
	alice, bob := h.talker(t), h.talker(t)
	many := make([]talker, 9_999)
	for i := range many {
		many[i].name = fmt.Sprintf("%s-%04d", alice.name, i)
	}
	g := alice.found(t, many...)
	if g.Members != 10_000 {
		t.Errorf("%d members", g.Members)
	}
	alice.put(t, g, bob, `{}`).fails(t, 409, "group_full")
	alice.remove(t, g, many[7]).into(t, 204, nil)
	alice.put(t, g, bob, `{}`).into(t, 201, nil)
	m := bob.say(t, g.GroupID, "hi")
	var receipts map[string]any
	alice.call(t, "GET", fmt.Sprintf("sync-messages/%s/receipts?seq=%d", g.GroupID, m.Seq), nil).into(t, 200, &receipts)
	if len(receipts) != 2 || receipts["members"] != 10000.0 || receipts["read"] != 0.0 {
		t.Errorf("%v", receipts)
	}
	many = append(many, bob)
	names := make([]string, len(many))
	for i := range many {
		names[i] = many[i].name
	}
	alice.call(t, "POST", "manage-group", map[string]any{"title": "x", "members": names}).fails(t, 400, "invalid_members")
	_, err := h.Pool.Exec(t.Context(), `with c as (
			insert into message.conversation (conversation_id, kind, member_count) select 'g_many-' || $1::text || '-' || n, 'group', 1 from generate_series(1, 500) n returning conversation_id),
		g as (insert into groups."group" (group_id, title, created_by) select conversation_id, 'x', $1::text from c returning 1)
		insert into message.member (conversation_id, user_id, role, version, from_seq, read_seq) select conversation_id, $1::text, 'owner', 1, 0, 0 from c`, bob.name)
	if err != nil {
		t.Fatal(err)
	}
	bob.call(t, "POST", "manage-group", `{"title":"x"}`).fails(t, 409, "too_many_groups")
}
