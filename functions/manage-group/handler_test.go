package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/auth"
	"bazaar/shared/bus"
	"bazaar/shared/fault"
	"bazaar/shared/fn"
	"bazaar/shared/group"
	"bazaar/shared/message"
	"bazaar/shared/pg"
)

// doors lets in whoever says who they are.
type doors struct{}

func (doors) Verify(token string) (auth.Claims, error) { return auth.Claims{Subject: token}, nil }
func (doors) Revoked(string) bool                      { return false }
func (doors) Age() time.Duration                       { return 0 }

// club is one group, "g_1" of the owner olga, the admins ada and adam, and the
// members mia and max, in memory; and "d_1", in which olga and mia speak alone.
type club struct {
	pg.Querier
	members map[string]message.Member
	group   group.Group
	version int64
	groups  int // that everybody is in
	over    bool
	made    []string // members of a group that was made
	notes   []bus.Note
	away    bool
}

func newClub() *club {
	c := &club{members: map[string]message.Member{}, version: 5, group: group.Group{ID: "g_1", Title: "Club", CreatedBy: "olga"}}
	for user, role := range map[string]string{"olga": "owner", "ada": "admin", "adam": "admin", "mia": "member", "max": "member"} {
		c.members[user] = message.Member{Conversation: "g_1", User: user, Role: role, JoinedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	}
	return c
}

func (c *club) InTx(ctx context.Context, f func(context.Context, pgx.Tx) error) error {
	before, version, group := map[string]message.Member{}, c.version, c.group
	for user, m := range c.members {
		before[user] = m
	}
	err := f(ctx, nil)
	if err != nil {
		c.members, c.version, c.group = before, version, group
	}
	return err
}

func (c *club) room() message.Room {
	return message.Room{Conversation: "g_1", Kind: message.Group, LastSeq: 9, Version: c.version, Members: len(c.members)}
}

func (c *club) Open(_ context.Context, _ pgx.Tx, id, owner string, members []string) (message.Room, error) {
	c.made = append([]string{owner}, members...)
	return message.Room{Conversation: id, Kind: message.Group, Version: 3, Members: len(c.made)}, nil
}

func (c *club) Lock(_ context.Context, _ pgx.Tx, conversation string) (message.Room, error) {
	if conversation == "d_1" {
		return message.Room{Conversation: conversation, Kind: message.Direct}, nil
	}
	if conversation != "g_1" || c.over {
		return message.Room{}, message.NotFound()
	}
	return c.room(), nil
}

func (c *club) Members(_ context.Context, _ pg.Querier, _ string, users []string) (map[string]message.Member, error) {
	found := map[string]message.Member{}
	for _, u := range users {
		if m, ok := c.members[u]; ok {
			found[u] = m
		}
	}
	return found, nil
}

func (c *club) bump(r *message.Room) {
	c.version++
	r.Version, r.Members = c.version, len(c.members)
}

func (c *club) Add(_ context.Context, _ pgx.Tx, r *message.Room, role string, users []string) ([]string, error) {
	c.members[users[0]] = message.Member{User: users[0], Role: role}
	c.bump(r)
	return users, nil
}

func (c *club) Remove(_ context.Context, _ pgx.Tx, r *message.Room, users []string) ([]string, error) {
	delete(c.members, users[0])
	c.bump(r)
	return users, nil
}

func (c *club) SetRole(_ context.Context, _ pgx.Tx, r *message.Room, user, role string) error {
	m := c.members[user]
	m.Role = role
	if role == message.Owner && slices.Contains(c.roles(), message.Owner) {
		return errors.New("two owners at once")
	}
	c.members[user] = m
	c.bump(r)
	return nil
}

func (c *club) roles() (all []string) {
	for _, m := range c.members {
		all = append(all, m.Role)
	}
	return all
}

func (c *club) Mute(_ context.Context, _ pgx.Tx, r *message.Room, user string, until time.Time) error {
	m := c.members[user]
	m.MutedUntil = until
	c.members[user] = m
	c.bump(r)
	return nil
}

func (c *club) Dissolve(_ context.Context, _ pgx.Tx, r *message.Room) (gone []string, err error) {
	for user := range c.members {
		gone = append(gone, user)
	}
	c.members, c.over = map[string]message.Member{}, true
	c.bump(r)
	return gone, nil
}

func (c *club) Belongs(_ context.Context, _ pg.Querier, user, conversation string) (message.Belonging, error) {
	m, ok := c.members[user]
	if !ok || conversation != "g_1" {
		return message.Belonging{}, message.NotFound()
	}
	return message.Belonging{Room: c.room(), Member: m}, nil
}

func (c *club) Groups(ctx context.Context, q pg.Querier, user, _ string, _ int) ([]message.Belonging, string, error) {
	b, err := c.Belongs(ctx, q, user, "g_1")
	if err != nil {
		return nil, "", nil
	}
	return []message.Belonging{b}, "g_1", nil
}

func (c *club) CountGroups(context.Context, pg.Querier, string) (int, error) { return c.groups, nil }

func (c *club) Roster(context.Context, pg.Querier, string, string, string, int) ([]message.Member, string, error) {
	return []message.Member{c.members["ada"]}, "ada", nil
}

func (c *club) Create(_ context.Context, _ pg.Querier, g group.Group) (group.Group, error) {
	return g, nil
}

func (c *club) ByIDs(context.Context, pg.Querier, []string) (map[string]group.Group, error) {
	return map[string]group.Group{"g_1": c.group}, nil
}

func (c *club) Change(_ context.Context, _ pg.Querier, _ string, title *string, open *bool) (group.Group, error) {
	if title != nil {
		c.group.Title = *title
	}
	if open != nil {
		c.group.Open = *open
	}
	return c.group, nil
}

// ask sends one request to the steps behind their doors, and gives the status and
// the code of a problem.
func (c *club) ask(t testing.TB, who, method, target, body string) (status int, code string, answer []byte) {
	t.Helper()
	user := fn.UserDoor{Tokens: doors{}, Revoked: doors{}}
	h := &Handler{Store: c, Rooms: c, Groups: c, Tell: func(notes ...bus.Note) error {
		if c.away {
			return errors.New("away")
		}
		if len(notes) > maxAtOnce {
			t.Errorf("%d notes are told at once", len(notes))
		}
		c.notes = append(c.notes, notes...)
		return nil
	}}
	served, err := fn.Handler("manage-group", fn.Routes{
		fn.User(user, "POST /{$}", fn.Step(h.Create), fn.MaxBody(maxBody)), fn.User(user, "GET /{$}", fn.Step(h.List)),
		fn.User(user, "GET /{group}", fn.Step(h.Show)), fn.User(user, "PATCH /{group}", fn.Step(h.Change)),
		fn.User(user, "DELETE /{group}", fn.Step(h.Dissolve)), fn.User(user, "GET /{group}/members", fn.Step(h.Members)),
		fn.User(user, "PUT /{group}/members/{user}", fn.Step(h.Put)), fn.User(user, "DELETE /{group}/members/{user}", fn.Step(h.Remove)),
	})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+who)
	w := httptest.NewRecorder()
	served.ServeHTTP(w, r)
	var p struct{ Code string }
	if w.Code >= 400 {
		_ = json.Unmarshal(w.Body.Bytes(), &p)
	}
	return w.Code, p.Code, w.Body.Bytes()
}

// told is what was told, a word each: who hears of a change of its own place, or
// the kind of what the members hear.
func (c *club) told(t testing.TB) string {
	t.Helper()
	var words []string
	for _, n := range c.notes {
		if user, ok := strings.CutPrefix(n.Subject, group.Subject("")); ok {
			change, err := group.ReadChanged(n.Data)
			if err != nil {
				t.Fatal(err)
			}
			words = append(words, fmt.Sprintf("%s:%t", user, !change.Gone))
			continue
		}
		var e struct {
			Kind, Change, User, Title string
			Dissolved                 bool
		}
		if err := json.Unmarshal(n.Data, &e); err != nil {
			t.Fatal(err)
		}
		words = append(words, strings.Trim(e.Kind+"-"+e.Change+e.Title+e.User, "-")+"@"+n.Header.Get(message.HeaderVersion))
	}
	c.notes = nil
	return strings.Join(words, " ")
}

func TestGroupsAreMade(t *testing.T) {
	c := newClub()
	status, _, body := c.ask(t, "nina", "POST", "/", `{"title":"Tea","members":["ada","nina","max"]}`)
	var v View
	if err := json.Unmarshal(body, &v); err != nil || status != 201 || v.Role != "owner" || v.Members != 3 || v.Open || v.Title != "Tea" || v.CreatedBy != "nina" || v.MutedUntil != nil {
		t.Fatalf("%d %s %v", status, body, err)
	}
	if !slices.Equal(c.made, []string{"nina", "ada", "max"}) || c.told(t) != "ada:true max:true nina:true" {
		t.Errorf("made of %v", c.made)
	}
	many := make([]string, message.MaxMembers)
	for i := range many {
		many[i] = fmt.Sprintf(`"user%d"`, i)
	}
	for body, want := range map[string]string{
		`{"title":""}`: "invalid_title", `{"title":" a"}`: "invalid_title", `{"title":"a\nb"}`: "invalid_title", `{"title":"` + strings.Repeat("字", 101) + `"}`: "invalid_title",
		`{"title":"a","members":["a","a"]}`: "invalid_members", `{"title":"a","members":["a.b"]}`: "invalid_members", `{"title":"a","members":["shop"]}`: "invalid_members",
		`{"title":"a","members":[` + strings.Join(many, ",") + `]}`: "invalid_members", `{"title":"a","role":"x"}`: "invalid_body", `{"title":"a","members":"x"}`: "invalid_body",
	} {
		if status, code, _ := c.ask(t, "nina", "POST", "/", body); status != 400 || code != want {
			t.Errorf("%.60s: %d %s, want %s", body, status, code, want)
		}
	}
	if status, _, _ := c.ask(t, "nina", "POST", "/", `{"title":"a","members":[`+strings.Join(many[1:], ",")+`]}`); status != 201 || len(c.made) != message.MaxMembers {
		t.Errorf("the largest group: %d, %d members", status, len(c.made))
	}
	c.groups = group.MaxGroups
	if status, code, _ := c.ask(t, "nina", "POST", "/", `{"title":"a"}`); status != 409 || code != "too_many_groups" {
		t.Errorf("one too many: %d %s", status, code)
	}
	if status, code, _ := c.ask(t, "shop", "POST", "/", `{"title":"a"}`); status != 403 || code != "denied" {
		t.Errorf("the shop's own: %d %s", status, code)
	}
}

func TestGroupsAreShownToTheirMembers(t *testing.T) {
	c := newClub()
	for target, want := range map[string]string{
		"/g_1":         `{"group_id":"g_1","title":"Club","open":false,"role":"admin","members":5,"version":5,"muted_until":null,"created_by":"olga","created_at":"0001-01-01T00:00:00.000Z"}`,
		"/g_1/members": `{"items":[{"user":"ada","role":"admin","muted_until":null,"joined_at":"2026-01-02T03:04:05.000Z"}],"next":"ada"}`,
	} {
		if status, _, body := c.ask(t, "ada", "GET", target, ""); status != 200 || string(body) != want {
			t.Errorf("%s: %d %s", target, status, body)
		}
		if status, code, _ := c.ask(t, "eve", "GET", target, ""); status != 404 || code != "not_found" {
			t.Errorf("%s for a stranger: %d %s", target, status, code)
		}
	}
	if status, _, body := c.ask(t, "eve", "GET", "/", ""); status != 200 || string(body) != `{"items":[],"next":null}` {
		t.Errorf("%d %s", status, body)
	}
	if status, code, _ := c.ask(t, "ada", "GET", "/?after=a.b", ""); status != 400 || code != "invalid_cursor" {
		t.Errorf("%d %s", status, code)
	}
	if status, _, body := c.ask(t, "mia", "GET", "/?limit=1", ""); status != 200 || !strings.HasSuffix(string(body), `"next":"g_1"}`) {
		t.Errorf("%d %s", status, body)
	}
}

func TestGroupsAreChangedByWhoLeadsThem(t *testing.T) {
	for _, x := range []struct {
		who, body string
		status    int
		code      string
		told      string
	}{
		{"ada", `{"title":"Tea"}`, 200, "", "group-Tea@5"},
		{"olga", `{"open":true}`, 200, "", "group-Club@5"},
		{"mia", `{"title":"Tea"}`, 403, "denied", ""},
		{"eve", `{"title":"Tea"}`, 404, "not_found", ""},
		{"ada", `{"title":""}`, 400, "invalid_title", ""},
		{"ada", `{}`, 400, "invalid_body", ""},
		{"ada", `{"title":null}`, 400, "invalid_body", ""},
	} {
		c := newClub()
		status, code, _ := c.ask(t, x.who, "PATCH", "/g_1", x.body)
		if told := c.told(t); status != x.status || code != x.code || told != x.told {
			t.Errorf("%s %s: %d %s, told %q", x.who, x.body, status, code, told)
		}
	}
	c := newClub()
	for who, want := range map[string]int{"ada": 403, "mia": 403, "eve": 404} {
		if status, _, _ := c.ask(t, who, "DELETE", "/g_1", ""); status != want || c.over {
			t.Errorf("%s dissolves it: %d", who, status)
		}
	}
	status, _, body := c.ask(t, "olga", "DELETE", "/g_1", "")
	told := c.told(t)
	if status != 204 || len(body) != 0 || !c.over || !strings.HasPrefix(told, "group@5 ") || strings.Count(told, ":false") != 5 {
		t.Errorf("%d %s, told %q", status, body, told)
	}
	if status, code, _ := c.ask(t, "olga", "DELETE", "/g_1", ""); status != 404 || code != "not_found" {
		t.Errorf("again: %d %s", status, code)
	}
}

// What cannot be told is done nevertheless.
func TestNATSIsAway(t *testing.T) {
	c := newClub()
	c.away = true
	if status, _, _ := c.ask(t, "ada", "PUT", "/g_1/members/zoe", `{}`); status != 201 || c.members["zoe"].Role != "member" {
		t.Errorf("%d, %+v", status, c.members["zoe"])
	}
}

func TestDirectConversationsAreNoGroups(t *testing.T) {
	c := newClub()
	for _, ask := range [][3]string{
		{"GET", "/d_1", ""}, {"PATCH", "/d_1", `{"title":"x"}`}, {"DELETE", "/d_1", ""}, {"GET", "/d_1/members", ""},
		{"PUT", "/d_1/members/max", `{}`}, {"DELETE", "/d_1/members/olga", ""}, {"DELETE", "/d_1/members/mia", ""},
	} {
		if status, code, _ := c.ask(t, "olga", ask[0], ask[1], ask[2]); status != 404 || code != "not_found" {
			t.Errorf("%v: %d %s", ask, status, code)
		}
	}
}

// known errors are given on.
func TestOtherErrorsStay(t *testing.T) {
	away := fault.New(fault.Unavailable, "unavailable", "Later.")
	if err := known(away); !errors.Is(err, away) {
		t.Error(err)
	}
}
