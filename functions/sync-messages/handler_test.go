package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"bazaar/shared/auth"
	"bazaar/shared/bus"
	"bazaar/shared/fault"
	"bazaar/shared/fn"
	"bazaar/shared/group"
	"bazaar/shared/message"
	"bazaar/shared/pg"
	"bazaar/shared/presence"
)

// doors lets in whoever says who they are.
type doors struct{}

func (doors) Verify(token string) (auth.Claims, error) { return auth.Claims{Subject: token}, nil }
func (doors) Revoked(string) bool                      { return false }
func (doors) Age() time.Duration                       { return 0 }

// shelf is what alice has: nothing is decided here.
type shelf struct {
	asked   message.Cursors
	page    struct{ before, limit int64 }
	synced  message.Synced
	list    []message.Conversation
	mark    message.Mark
	read    int64
	receipt message.Receipts
	seq     int64
	people  map[string]presence.Presence
	away    error
	notes   []bus.Note
}

func stranger(user string) error {
	if user != "alice" {
		return message.NotFound()
	}
	return nil
}

func (s *shelf) Sync(_ context.Context, _ pg.Querier, _ string, c message.Cursors, _ message.Pages) (message.Synced, error) {
	s.asked = c
	return s.synced, nil
}

func (s *shelf) History(_ context.Context, _ pg.Querier, user, _ string, before int64, limit int) ([]message.Message, int64, error) {
	s.page.before, s.page.limit = before, int64(limit)
	return []message.Message{said(7)}, 7, stranger(user)
}

func (s *shelf) List(context.Context, pg.Querier, string, string, int) ([]message.Conversation, string, error) {
	return s.list, "next", nil
}

func (s *shelf) Read(_ context.Context, _ pg.Querier, user, _ string, seq int64) (message.Mark, error) {
	s.read = seq
	return s.mark, stranger(user)
}

func (s *shelf) Receipts(_ context.Context, _ pg.Querier, user, _ string, seq int64) (message.Receipts, error) {
	s.seq = seq
	return s.receipt, stranger(user)
}

func (s *shelf) ByIDs(_ context.Context, _ pg.Querier, ids []string) (map[string]group.Group, error) {
	found := map[string]group.Group{}
	for _, id := range ids {
		found[id] = group.Group{ID: id, Title: "of " + id}
	}
	return found, nil
}

func (s *shelf) Look(_ context.Context, users []string) (map[string]presence.Presence, error) {
	found := map[string]presence.Presence{}
	for _, u := range users {
		if !message.IsID(u) {
			return nil, fault.New(fault.Invalid, "invalid_users", "No.")
		}
		found[u] = s.people[u]
	}
	return found, s.away
}

func (s *shelf) handler() *Handler {
	return &Handler{
		Messages: s, Groups: s, People: s, Pages: newPages(nil),
		Tell: func(notes ...bus.Note) error { s.notes = append(s.notes, notes...); return errors.New("nobody hears") },
	}
}

// ask sends one request to the steps behind their doors.
func (s *shelf) ask(t testing.TB, who, method, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	user, h := fn.UserDoor{Tokens: doors{}, Revoked: doors{}}, s.handler()
	served, err := fn.Handler("sync-messages", fn.Routes{
		fn.User(user, "POST /{$}", fn.Step(h.Sync)), fn.User(user, "GET /conversations", fn.Step(h.List)),
		fn.User(user, "GET /presence", fn.Step(h.Presence)), fn.User(user, "GET /{conversation}", fn.Step(h.History)),
		fn.User(user, "POST /{conversation}/read", fn.Step(h.Read)), fn.User(user, "GET /{conversation}/receipts", fn.Step(h.Receipts)),
	})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+who)
	w := httptest.NewRecorder()
	served.ServeHTTP(w, r)
	return w
}

func said(seq int64) message.Message {
	return message.Message{
		Conversation: "g_1", Seq: seq, ID: "m", ClientMsgID: "c", From: "bob", Kind: "text", Body: jsontext.Value(`{"text":"x"}`),
		SentAt: time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC),
	}
}

const saidSeven = `{"conversation":"g_1","seq":7,"message_id":"m","client_msg_id":"c","from":"bob","sent_at":"2026-01-02T03:04:05.006Z","kind":"text","body":{"text":"x"}}`

// full is a shelf with something of everything.
func full() *shelf {
	return &shelf{
		synced: message.Synced{Removed: []string{"g_9"}, Pages: []message.Page{
			{Conversation: "g_1", Kind: "group", LastSeq: 7, ReadSeq: 2, Messages: []message.Message{said(7)}, Gap: &message.Gap{From: 3, To: 6}},
			{Conversation: "g_2", Kind: "group", LastSeq: 1, Recalled: []int64{1}},
		}},
		list: []message.Conversation{
			{ID: "g_1", Kind: "group", LastSeq: 7, ReadSeq: 2, Unread: 5, ActiveAt: said(7).SentAt, Last: &[]message.Message{said(7)}[0], MutedUntil: time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)},
			{ID: "d_1", Kind: "direct", Peer: "bob", ActiveAt: said(7).SentAt, MutedUntil: time.Unix(1, 0)},
		},
		people:  map[string]presence.Presence{"bob": {Online: true, LastActive: said(7).SentAt}},
		receipt: message.Receipts{Read: 0, Members: 2, Users: []string{}},
	}
}

// asking is a question with its answer.
type asking struct {
	who, method, target, body string
	status                    int
	want                      string // the body, or a problem's code
}

func askings() []asking {
	return []asking{
		{"alice", "POST", "/", `{"cursors":{"g_1":2}}`, 200, `{"conversations":[{"conversation":"g_1","kind":"group","last_seq":7,"read_seq":2,"messages":[` + saidSeven + `],"gap":{"from":3,"to":6},"recalled":[]},` +
			`{"conversation":"g_2","kind":"group","last_seq":1,"read_seq":0,"messages":[],"gap":null,"recalled":[1]}],"removed":["g_9"]}`},
		{"alice", "POST", "/", `{"cursors":{"g.1":2}}`, 400, "invalid_cursor"},
		{"alice", "POST", "/", `{"cursors":{"g_1":-1}}`, 400, "invalid_cursor"},
		{"alice", "POST", "/", `{"limit":0}`, 400, "invalid_limit"},
		{"alice", "POST", "/", `{"cursor":{}}`, 400, "invalid_body"},
		{"alice", "GET", "/conversations", "", 200, `{"items":[{"conversation":"g_1","kind":"group","title":"of g_1","peer":null,"last_seq":7,"read_seq":2,"unread":5,"active_at":"2026-01-02T03:04:05.006Z",` +
			`"last_message":` + saidSeven + `,"muted_until":"2999-01-01T00:00:00.000Z"},{"conversation":"d_1","kind":"direct","title":null,"peer":"bob","last_seq":0,"read_seq":0,"unread":0,` +
			`"active_at":"2026-01-02T03:04:05.006Z","last_message":null,"muted_until":null}],"next":"next"}`},
		{"alice", "GET", "/g_1?before=8&limit=1", "", 200, `{"items":[` + saidSeven + `],"next":"7"}`},
		{"alice", "GET", "/g_1?before=0", "", 400, "invalid_cursor"},
		{"alice", "GET", "/g_1?before=x", "", 400, "invalid_cursor"},
		{"eve", "GET", "/g_1", "", 404, "not_found"},
		{"alice", "POST", "/g_1/read", `{"seq":0}`, 204, ""},
		{"alice", "POST", "/g_1/read", `{"seq":-1}`, 400, "invalid_seq"},
		{"alice", "POST", "/g_1/read", `{}`, 400, "invalid_seq"},
		{"eve", "POST", "/g_1/read", `{"seq":1}`, 404, "not_found"},
		{"alice", "GET", "/g_1/receipts?seq=7", "", 200, `{"read":0,"members":2,"users":[]}`},
		{"alice", "GET", "/g_1/receipts?seq=-7", "", 400, "invalid_seq"},
		{"eve", "GET", "/g_1/receipts?seq=7", "", 404, "not_found"},
		{"eve", "GET", "/presence?users=carol,bob,carol", "", 200, `{"items":[{"user":"carol","online":false,"last_active":null},` +
			`{"user":"bob","online":true,"last_active":"2026-01-02T03:04:05.006Z"}],"next":null}`},
		{"eve", "GET", "/presence", "", 400, "invalid_users"},
		{"eve", "GET", "/presence?users=a,,b", "", 400, "invalid_users"},
		{"eve", "GET", "/presence?users=" + strings.Repeat("a,", 100) + "a", "", 400, "invalid_users"},
	}
}

// Every answer as it is written; every wrong question with its code.
func TestAnswers(t *testing.T) {
	s := full()
	for _, c := range askings() {
		w := s.ask(t, c.who, c.method, c.target, c.body)
		got := w.Body.String()
		if w.Code >= 400 {
			var p struct{ Code string }
			_ = json.Unmarshal(w.Body.Bytes(), &p)
			got = p.Code
		}
		if w.Code != c.status || got != c.want {
			t.Errorf("%s %s %s: %d %s\nwant %d %s", c.method, c.target, c.body, w.Code, got, c.status, c.want)
		}
	}
	if w := s.ask(t, "alice", "POST", "/", `{"limit":1000}`); w.Code != 200 || s.asked.Limit != message.MaxPage {
		t.Errorf("%d: %d messages of each conversation", w.Code, s.asked.Limit)
	}
	if s.ask(t, "alice", "GET", "/g_1?before=8&limit=1", ""); s.page.before != 8 || s.page.limit != 1 {
		t.Errorf("a page of %+v", s.page)
	}
	s.receipt = message.Receipts{Read: 5, Members: 201}
	if got := s.ask(t, "alice", "GET", "/g_1/receipts?seq=7", "").Body.String(); got != `{"read":5,"members":201}` {
		t.Error(got)
	}
	s.away = fault.New(fault.Unavailable, "unavailable", "Later.")
	if w := s.ask(t, "eve", "GET", "/presence?users=a", ""); w.Code != 503 {
		t.Errorf("without Redis: %d", w.Code)
	}
}

// Who hears that somebody has read: all of a small conversation, in a large one
// the reader's own devices, and nobody when nothing has moved.
func TestReadCursorsAreTold(t *testing.T) {
	for name, c := range map[string]struct {
		mark message.Mark
		told int
		only string
	}{
		"moved":     {message.Mark{Seq: 5, Moved: true, Members: 200, Version: 3}, 1, ""},
		"among 201": {message.Mark{Seq: 5, Moved: true, Members: 201, Version: 3}, 1, "alice"},
		"stayed":    {message.Mark{Seq: 5, Members: 2, Version: 3}, 0, ""},
	} {
		s := &shelf{mark: c.mark}
		if w := s.ask(t, "alice", "POST", "/g_1/read", `{"seq":9}`); w.Code != 204 || w.Body.Len() != 0 || s.read != 9 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if len(s.notes) != c.told {
			t.Fatalf("%s: told %+v", name, s.notes)
		}
		if c.told == 0 {
			continue
		}
		n := s.notes[0]
		if n.Subject != message.SentSubject("g_1") || n.Header.Get(message.HeaderOnly) != c.only || n.Header.Get(message.HeaderVersion) != "3" ||
			string(n.Data) != `{"t":"event","conversation":"g_1","seq":5,"kind":"read","user":"alice"}` {
			t.Errorf("%s: %+v %s", name, n.Header, n.Data)
		}
	}
}

// FuzzSync: what is asked of the store is valid, or refused.
func FuzzSync(f *testing.F) {
	for _, body := range []string{`{"cursors":{"g_1":1},"limit":5}`, `{}`, `{"cursors":null}`, `{"limit":null}`, `{"limit":1e9}`, `{"cursors":{"":1}}`, `{"cursors":{"a":-1}}`, `{"cursors":{"a":1,"a":2}}`, `{"limit":9223372036854775807}`, "", "[]"} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		s := &shelf{}
		switch w := s.ask(t, "alice", "POST", "/", body); w.Code {
		case http.StatusOK:
			if s.asked.Validate() != nil {
				t.Errorf("%q asks for %+v", body, s.asked)
			}
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
			if s.asked.Limit != 0 {
				t.Errorf("%q is refused and asks for %+v", body, s.asked)
			}
		default:
			t.Errorf("%q: %d %s", body, w.Code, w.Body)
		}
	})
}

// FuzzQuery: what stands for a message's number or for users is one, or refused.
func FuzzQuery(f *testing.F) {
	for _, text := range []string{"1", "0", "-1", "+1", "1.0", "9223372036854775807", "9223372036854775808", "", "a,b", ",", "\x00", "\xff", "１", "0x1", "alice,alice"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := &shelf{}
		w := s.ask(t, "alice", "GET", "/g_1?"+url.Values{"before": {text}}.Encode(), "")
		if n, err := strconv.ParseInt(text, 10, 64); w.Code == 200 && text != "" && (err != nil || n < 1 || s.page.before != n) || w.Code != 200 && w.Code != 400 {
			t.Errorf("before %q: %d, asked for %d", text, w.Code, s.page.before)
		}
		w = s.ask(t, "alice", "GET", "/presence?"+url.Values{"users": {text}}.Encode(), "")
		if w.Code != 200 && w.Code != 400 || w.Code == 200 && strings.ContainsFunc(text, func(r rune) bool { return r > 'z' }) {
			t.Errorf("users %q: %d %s", text, w.Code, w.Body)
		}
	})
}
