package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"bazaar/shared/group"
	"bazaar/shared/message"
)

const (
	later = `"2999-01-01T00:00:00Z"`
	ever  = `"2999-01-01T01:00:00+01:00"`
)

// The table of who may do what to whom, as the routes show it.
func TestMembersAreChangedByTheTable(t *testing.T) {
	for _, x := range []struct {
		who, user, body string
		status          int
		code            string
		told            string
	}{
		{"ada", "zoe", `{}`, 201, "", "zoe:true member-joinedzoe@6"},
		{"ada", "zoe", `{"muted_until":` + later + `}`, 201, "", "zoe:true member-joinedzoe@6 member-mutedzoe@7"},
		{"olga", "zoe", `{"role":"admin"}`, 201, "", "zoe:true member-joinedzoe@6"},
		{"ada", "zoe", `{"role":"admin"}`, 403, "denied", ""},
		{"olga", "zoe", `{"role":"owner"}`, 403, "denied", ""},
		{"mia", "zoe", `{}`, 403, "denied", ""},
		{"eve", "zoe", `{}`, 404, "not_found", ""},
		{"eve", "mia", `{}`, 404, "not_found", ""},
		{"eve", "eve", `{}`, 404, "not_found", ""}, // it is not open
		{"ada", "shop", `{}`, 404, "not_found", ""},
		{"ada", "mia", `{}`, 200, "", ""},
		{"mia", "mia", `{}`, 200, "", ""},
		{"mia", "mia", `{"role":"member"}`, 200, "", ""},
		{"mia", "max", `{}`, 403, "denied", ""},
		{"olga", "mia", `{"role":"admin"}`, 200, "", "member-rolemia@6"},
		{"olga", "ada", `{"role":"member"}`, 200, "", "member-roleada@6"},
		{"ada", "mia", `{"role":"admin"}`, 403, "denied", ""},
		{"ada", "adam", `{"role":"member"}`, 403, "denied", ""},
		{"ada", "ada", `{"role":"member"}`, 403, "denied", ""},
		{"mia", "mia", `{"role":"owner"}`, 403, "denied", ""},
		{"olga", "mia", `{"role":"owner"}`, 200, "", "member-roleolga@6 member-rolemia@7"},
		{"olga", "olga", `{"role":"admin"}`, 409, "owner_needed", ""},
		{"ada", "mia", `{"muted_until":` + later + `}`, 200, "", "member-mutedmia@6"},
		{"ada", "mia", `{"muted_until":null}`, 200, "", "member-mutedmia@6"},
		{"olga", "ada", `{"muted_until":` + later + `}`, 200, "", "member-mutedada@6"},
		{"ada", "adam", `{"muted_until":` + later + `}`, 403, "denied", ""},
		{"ada", "olga", `{"muted_until":` + later + `}`, 403, "denied", ""},
		{"ada", "ada", `{"muted_until":null}`, 403, "denied", ""},
		{"mia", "max", `{"muted_until":` + later + `}`, 403, "denied", ""},
		{"olga", "mia", `{"role":"owner","muted_until":` + later + `}`, 403, "denied", ""},
		{"ada", "mia", `{"role":"admin","muted_until":` + later + `}`, 403, "denied", ""},
		{"ada", "mia", `{"role":"king"}`, 400, "invalid_role", ""},
		{"ada", "mia", `{"role":1}`, 400, "invalid_body", ""},
		{"ada", "mia", `{"muted_until":"soon"}`, 400, "invalid_body", ""},
		{"ada", "mia", `{"muted_until":5}`, 400, "invalid_body", ""},
		{"ada", "mia", `{"muted_until":"9999-12-31T23:59:59-23:59"}`, 400, "invalid_body", ""}, // of a year that has no form
	} {
		c := newClub()
		before := maps.Clone(c.members)
		status, code, body := c.ask(t, x.who, "PUT", "/g_1/members/"+x.user, x.body)
		if told := c.told(t); status != x.status || code != x.code || told != x.told {
			t.Errorf("%s puts %s %s: %d %s %s, told %q", x.who, x.user, x.body, status, code, body, told)
		}
		if status >= 400 && !maps.Equal(c.members, before) {
			t.Errorf("%s puts %s %s: refused and done", x.who, x.user, x.body)
		}
		if n := len(slices.DeleteFunc(c.roles(), func(r string) bool { return r != message.Owner })); n != 1 {
			t.Errorf("%s puts %s %s: %d owners", x.who, x.user, x.body, n)
		}
	}
}

func TestAnOpenGroupIsJoined(t *testing.T) {
	for body, want := range map[string]int{`{}`: 201, `{"role":"member"}`: 201, `{"role":"admin"}`: 403, `{"role":"owner"}`: 403, `{"muted_until":null}`: 403} {
		c := newClub()
		c.group.Open = true
		if status, _, _ := c.ask(t, "eve", "PUT", "/g_1/members/eve", body); status != want {
			t.Errorf("%s: %d", body, status)
		}
		if want != 201 {
			continue
		}
		if told := c.told(t); c.members["eve"].Role != "member" || told != "eve:true member-joinedeve@6" {
			t.Errorf("%s: %+v, told %q", body, c.members["eve"], told)
		}
		if status, _, _ := c.ask(t, "eve", "PUT", "/g_1/members/eve", `{}`); status != 200 {
			t.Errorf("once more: %d", status)
		}
	}
	c := newClub()
	c.group.Open = true
	if status, _, _ := c.ask(t, "eve", "PUT", "/g_1/members/zoe", `{}`); status != 404 {
		t.Errorf("a stranger brings another: %d", status)
	}
}

func TestMutedUntilIsATime(t *testing.T) {
	c := newClub()
	for _, text := range []string{later, ever} {
		_, _, body := c.ask(t, "ada", "PUT", "/g_1/members/mia", `{"muted_until":`+text+`}`)
		var v MemberView
		if err := json.Unmarshal(body, &v); err != nil || v.MutedUntil == nil || *v.MutedUntil != "2999-01-01T00:00:00.000Z" {
			t.Errorf("%s: %s, %v", text, body, err)
		}
	}
	// A time that is past is as good as none.
	_, _, body := c.ask(t, "ada", "PUT", "/g_1/members/mia", `{"muted_until":"2001-01-01T00:00:00Z"}`)
	if !strings.Contains(string(body), `"muted_until":null`) {
		t.Errorf("%s", body)
	}
}

func TestMembersGo(t *testing.T) {
	for _, x := range []struct {
		who, user string
		status    int
		code      string
		told      string
	}{
		{"ada", "mia", 204, "", "mia:false member-removedmia@6"},
		{"olga", "ada", 204, "", "ada:false member-removedada@6"},
		{"mia", "mia", 204, "", "mia:false member-leftmia@6"},
		{"ada", "ada", 204, "", "ada:false member-leftada@6"},
		{"ada", "adam", 403, "denied", ""},
		{"ada", "olga", 403, "denied", ""},
		{"mia", "max", 403, "denied", ""},
		{"olga", "olga", 409, "owner_must_hand_over", ""},
		{"ada", "zoe", 404, "not_found", ""},
		{"eve", "mia", 404, "not_found", ""},
		{"eve", "eve", 404, "not_found", ""},
	} {
		c := newClub()
		status, code, body := c.ask(t, x.who, "DELETE", "/g_1/members/"+x.user, "")
		if told := c.told(t); status != x.status || code != x.code || told != x.told {
			t.Errorf("%s removes %s: %d %s %s, told %q", x.who, x.user, status, code, body, told)
		}
		if _, in := c.members[x.user]; status == 204 && in || status == 403 && !in {
			t.Errorf("%s removes %s: %d, and it is in: %t", x.who, x.user, status, in)
		}
	}
	// The last one out dissolves the group.
	c := newClub()
	c.members = map[string]message.Member{"olga": c.members["olga"]}
	if status, _, _ := c.ask(t, "olga", "DELETE", "/g_1/members/olga", ""); status != 204 || !c.over || c.told(t) != "group@5 olga:false" {
		t.Errorf("%d, dissolved %t", status, c.over)
	}
}

// FuzzPut: whatever is asked, there is one owner, nobody has a role that is none,
// and what is refused changes nothing.
func FuzzPut(f *testing.F) {
	for _, body := range []string{`{}`, `{"role":"owner"}`, `{"role":"admin","muted_until":null}`, `{"muted_until":` + later + `}`, `{"muted_until":"9999-12-31T23:59:59.999999999Z"}`,
		`{"muted_until":"0000-01-01T00:00:00Z"}`, `{"muted_until":"2026-01-02T03:04:05,6Z"}`, `{"role":""}`, `{"role":"\u0000"}`, "", "null"} {
		for _, who := range []string{"olga", "ada", "mia", "eve"} {
			f.Add(who, "max", body)
			f.Add(who, who, body)
		}
	}
	f.Fuzz(func(t *testing.T, who, user, body string) {
		if !message.IsID(who) || !message.IsID(user) {
			return
		}
		c := newClub()
		c.group.Open = true
		before := maps.Clone(c.members)
		status, _, answer := c.ask(t, who, "PUT", "/g_1/members/"+user, body)
		switch status {
		case 200, 201, 400, 403, 404, 409, 413:
		default:
			t.Fatalf("%s puts %s %q: %d %s", who, user, body, status, answer)
		}
		if status >= 400 && !maps.Equal(c.members, before) {
			t.Errorf("%s puts %s %q: refused and done", who, user, body)
		}
		owners := 0
		for _, m := range c.members {
			if !group.Role(m.Role).Known() || m.MutedUntil.UTC().Year() > 9999 {
				t.Errorf("%s puts %s %q: %+v", who, user, body, m)
			}
			if m.Role == message.Owner {
				owners++
			}
		}
		if owners != 1 {
			t.Errorf("%s puts %s %q: %d owners", who, user, body, owners)
		}
	})
}

// FuzzCreate: a group that is made has a title and members that can be.
func FuzzCreate(f *testing.F) {
	for _, body := range []string{`{"title":"a","members":["b"]}`, `{"title":"\u200b"}`, `{"title":"a","members":[""]}`, `{"title":"a","members":["b","b"]}`, `{"title":"a","members":null,"open":true}`, `{"title":"\ud83d\ude00"}`, "", "[]"} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		c := newClub()
		status, _, answer := c.ask(t, "nina", "POST", "/", body)
		var v View
		switch status {
		case 201:
			if err := json.Unmarshal(answer, &v); err != nil || group.CheckTitle(v.Title) != nil || !slices.Equal(slices.Compact(slices.Sorted(slices.Values(c.made))), slices.Sorted(slices.Values(c.made))) {
				t.Errorf("%q makes %s of %v", body, answer, c.made)
			}
		case 400, 413:
			if c.made != nil {
				t.Errorf("%q is refused and made", body)
			}
		default:
			t.Errorf("%q: %d %s", body, status, answer)
		}
	})
}
