package chat

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/go-json-experiment/json"
)

// mood is what a server does wrong. What counts is used up.
type mood struct {
	loseSent   int       // answers to messages that are not given
	swapPushes bool      // every second push comes before the one before it
	losePushes int       // of so many pushes one is lost; 0: none
	twice      bool      // pushes come twice
	silent     bool      // nothing is said after ready, and nothing is pushed
	headless   bool      // pings do not say how far the conversations go
	refuseAuth []int     // codes that the next auths are closed with
	refuseSend []refusal // answers to the next messages
	refuseSync []int     // statuses of the next questions
	retryAfter int       // seconds, with those
	refuse     bool      // no handshake
	token      string    // the only one that is taken, if set
}

// server is connectors, gateway and functions in one, before a world.
type server struct {
	t     *testing.T
	http  *httptest.Server
	world *world
	ctx   context.Context

	mu        sync.Mutex
	mood      mood
	peers     []*peer
	heard     []string // lines of the clients, but for messages and pongs
	asked     []time.Time
	opened    int // handshakes
	pushes    int
	goodbyes  []websocket.StatusCode
	allClosed sync.WaitGroup
}

// peer is one socket.
type peer struct {
	conn *websocket.Conn
	user string // empty before auth
	late []byte // a push that waits to be overtaken
}

func newServer(t *testing.T, w *world) *server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &server{t: t, world: w, ctx: ctx}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/ws", s.socket)
	mux.HandleFunc("POST /function/sync-messages", s.sync)
	mux.HandleFunc("GET /function/sync-messages/{conversation}", s.history)
	mux.HandleFunc("POST /function/push-message/{conversation}/recall", s.recall)
	s.http = httptest.NewServer(mux)
	t.Cleanup(func() {
		cancel()
		s.http.Close()
		s.allClosed.Wait()
	})
	return s
}

func (s *server) address() string { return "ws" + strings.TrimPrefix(s.http.URL, "http") + "/v1/ws" }

// set changes the mood.
func (s *server) set(f func(m *mood)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.mood)
}

func (s *server) socket(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.opened++
	refuse := s.mood.refuse
	s.mu.Unlock()
	if refuse {
		http.Error(w, "full", http.StatusServiceUnavailable)
		return
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{protocol}})
	if err != nil {
		return
	}
	s.allClosed.Add(1)
	defer s.allClosed.Done()
	defer func() { _ = conn.CloseNow() }()
	p := &peer{conn: conn}
	if conn.Subprotocol() != protocol {
		s.t.Errorf("the client offered no %s", protocol)
	}
	s.say(p, `{"t":"hello","session":"x","heartbeat_ms":100,"limits":{"frame":65536,"body":16384}}`)
	defer s.forget(p)
	for {
		_, data, err := conn.Read(s.ctx)
		if err != nil {
			s.mu.Lock()
			s.goodbyes = append(s.goodbyes, websocket.CloseStatus(err))
			s.mu.Unlock()
			return
		}
		for line := range bytes.SplitSeq(data, []byte("\n")) {
			s.mu.Lock()
			s.line(p, line)
			s.mu.Unlock()
		}
	}
}

func (s *server) forget(p *peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peers = slices.DeleteFunc(s.peers, func(o *peer) bool { return o == p })
}

// say writes lines; who does not read is left to its reader's error.
func (s *server) say(p *peer, lines ...string) {
	ctx, cancel := context.WithTimeout(s.ctx, time.Second)
	defer cancel()
	_ = p.conn.Write(ctx, websocket.MessageText, []byte(strings.Join(lines, "\n")))
}

// line takes a line of a client; called under the lock.
func (s *server) line(p *peer, line []byte) {
	head, ok := read[typed](line)
	if !ok {
		s.t.Errorf("a client said %q", line)
	}
	switch head.T {
	case "auth":
		s.heard = append(s.heard, string(line))
		s.auth(p, line)
	case "send":
		m, _ := read[posted](line)
		s.send(p, m)
	case "pong":
	default:
		s.heard = append(s.heard, string(line))
		if v, ok := read[happening](line); ok && head.T == "read" {
			s.world.with(v.Conversation, func(h *hall) { h.read[p.user] = max(h.read[p.user], v.Seq) })
		}
	}
}

func (s *server) auth(p *peer, line []byte) {
	a, _ := read[struct {
		Token string `json:"token"`
	}](line)
	if len(s.mood.refuseAuth) > 0 {
		code := s.mood.refuseAuth[0]
		s.mood.refuseAuth = s.mood.refuseAuth[1:]
		s.shut(p, code)
		return
	}
	user, _, _ := strings.Cut(a.Token, ".")
	p.user = user
	s.say(p, encode("ready", ready{user, s.world.heads(user)}))
	s.peers = append(s.peers, p)
}

// shut closes a socket, beside: a close waits for the other side.
func (s *server) shut(p *peer, code int) {
	s.allClosed.Go(func() { _ = p.conn.Close(websocket.StatusCode(code), "for the test") })
}

func (s *server) send(p *peer, m posted) {
	if len(s.mood.refuseSend) > 0 {
		r := s.mood.refuseSend[0]
		s.mood.refuseSend = s.mood.refuseSend[1:]
		r.ClientMsgID = m.ClientMsgID
		s.say(p, encode("refused", r))
		return
	}
	stored, duplicate, members, refused := s.world.post(p.user, m, time.Now().UTC().Truncate(time.Millisecond))
	if refused != nil {
		s.say(p, encode("refused", refusal{ClientMsgID: m.ClientMsgID, Code: refused.Code}))
		return
	}
	for _, other := range s.peers {
		if other != p && slices.Contains(members, other.user) {
			s.push(other, encode("message", stored))
		}
	}
	if s.mood.loseSent > 0 {
		s.mood.loseSent--
		return
	}
	if !s.mood.silent {
		s.say(p, encode("sent", Sent{m.ClientMsgID, stored.Conversation, stored.Seq, stored.ID, stored.SentAt, duplicate}))
	}
}

func (s *server) push(p *peer, line string) {
	s.pushes++
	switch {
	case s.mood.silent, s.mood.losePushes > 0 && s.pushes%s.mood.losePushes == 0:
		return
	case s.mood.swapPushes && p.late == nil:
		p.late = []byte(line)
		return
	case p.late != nil:
		s.say(p, line, string(p.late)) // in one message, the later first
		p.late = nil
		return
	}
	s.say(p, line)
	if s.mood.twice {
		s.say(p, line)
	}
}

// each does something with the sockets of a user.
func (s *server) each(user string, f func(p *peer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.peers {
		if p.user == user {
			f(p)
		}
	}
}

// beat says ping to everyone, with the heads.
func (s *server) beat() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.peers {
		switch {
		case s.mood.headless:
			s.say(p, encode("ping", ping{}))
		case !s.mood.silent:
			s.say(p, encode("ping", ping{s.world.heads(p.user)}))
		}
	}
}

// beats says ping for ever, as often as hello has promised.
func (s *server) beats() {
	s.allClosed.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.beat()
			case <-s.ctx.Done():
				return
			}
		}
	})
}

// caller checks the token of a call.
func (s *server) caller(w http.ResponseWriter, r *http.Request) (user string, ok bool) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	defer s.mu.Unlock()
	user, _, _ = strings.Cut(token, ".")
	if user == "" || s.mood.token != "" && token != s.mood.token {
		problem(w, http.StatusUnauthorized, "unauthenticated")
		return "", false
	}
	return user, true
}

func problem(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"status":%d,"code":%q}`, status, code)
}

func (s *server) sync(w http.ResponseWriter, r *http.Request) {
	user, ok := s.caller(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	s.asked = append(s.asked, time.Now())
	status := 0
	if len(s.mood.refuseSync) > 0 {
		status = s.mood.refuseSync[0]
		s.mood.refuseSync = s.mood.refuseSync[1:]
		if s.mood.retryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(s.mood.retryAfter))
		}
	}
	s.mu.Unlock()
	var q question
	if err := json.UnmarshalRead(r.Body, &q, json.RejectUnknownMembers(true)); err != nil || q.Limit != perConversation {
		s.t.Errorf("a client asked %+v, %v", q, err)
	}
	if status != 0 {
		problem(w, status, "unavailable")
		return
	}
	_ = json.MarshalWrite(w, s.world.sync(user, q))
}

func (s *server) history(w http.ResponseWriter, r *http.Request) {
	user, ok := s.caller(w, r)
	if !ok {
		return
	}
	before, err := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64)
	if err != nil {
		problem(w, http.StatusBadRequest, "invalid_before")
		return
	}
	items, more := s.world.history(user, r.PathValue("conversation"), before, perConversation)
	var next *string
	if more {
		text := strconv.FormatInt(items[len(items)-1].Seq, 10)
		next = &text
	}
	_ = json.MarshalWrite(w, map[string]any{"items": items, "next": next})
}

func (s *server) recall(w http.ResponseWriter, r *http.Request) {
	user, ok := s.caller(w, r)
	if !ok {
		return
	}
	var body struct {
		Seq int64 `json:"seq"`
	}
	if err := json.UnmarshalRead(r.Body, &body); err != nil {
		problem(w, http.StatusBadRequest, "invalid_body")
		return
	}
	id, at := r.PathValue("conversation"), time.Now().UTC().Truncate(time.Millisecond)
	known := false
	s.world.with(id, func(h *hall) {
		if known = h != nil && body.Seq <= int64(len(h.said)); known {
			h.recalled = append(h.recalled, body.Seq)
		}
	})
	if !known {
		problem(w, http.StatusNotFound, "not_found")
		return
	}
	s.mu.Lock()
	for _, p := range s.peers {
		s.say(p, fmt.Sprintf(`{"t":"event","conversation":%q,"seq":%d,"kind":"recall","by":%q}`, id, body.Seq, user))
	}
	s.mu.Unlock()
	_ = json.MarshalWrite(w, map[string]any{"conversation": id, "seq": body.Seq, "recalled_at": at})
}
