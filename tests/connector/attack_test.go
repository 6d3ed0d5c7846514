package connector_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"bazaar/infra/connector/socket/talk"
	"bazaar/shared/auth"
	"bazaar/tests/support"
)

// TestAttacks are those of somebody with a socket and bad intentions, against a
// connector as it is deployed: each meets its code, nobody else notices, and the
// memory of the process stays as it was.
func TestAttacks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(0, "auth_timeout=1s", "max_handshakes=300")
	g, own := w.found("alice", "bob"), w.found("mallory", "bob")
	alice, bob := w.join(p.node, "alice", "d"), w.join(p.node, "bob", "d")
	good := chat{t, alice, bob, g}
	good.say("before")
	before := p.memory()
	most := before
	for name, attack := range map[string]func(*testing.T, *process){
		"no way in": noWayIn, "frames": frames, "forgeries": func(t *testing.T, p *process) { forgeries(t, p, g, own, bob) },
		"half open": func(t *testing.T, p *process) { halfOpen(t, p, good) },
	} {
		began := time.Now()
		attack(t, p)
		most = max(most, p.memory())
		good.say(name)
		t.Logf("%s: %s, %d MiB", name, time.Since(began).Round(time.Millisecond), p.memory())
	}
	if most > before+50 {
		t.Errorf("the process had %d MiB, and then %d", before, most)
	}
	await(t, "nothing to wait for anybody", func() bool { return p.count("connector_queued_bytes") == 0 })
}

// chat is two people whom nothing of it concerns.
type chat struct {
	t        *testing.T
	one, two *person
	group    string
}

// say has a message go from one to the other, at once.
func (c chat) say(id string) {
	c.t.Helper()
	id = strings.ReplaceAll(id, " ", "-")
	began := time.Now()
	c.one.send(c.group, id)
	c.two.await("message", "client_msg_id", id, "from", "alice")
	if took := time.Since(began); took > 2*time.Second {
		c.t.Errorf("a message of others took %s", took)
	}
}

// noWayIn: who has no token that counts, or is of another page.
func noWayIn(t *testing.T, p *process) {
	issuer, err := auth.NewIssuer(support.TokenSigningKey(t), "bazaar", "bazaar-api", time.Hour)
	must(t, err)
	expired, err := issuer.Issue(auth.Claims{Subject: "alice", SessionID: "s", Expires: time.Now().Add(-time.Second), IssuedAt: time.Now().Add(-time.Minute)})
	must(t, err)
	for name, c := range map[string]struct {
		origin, text string
		code         int
	}{
		"another page":           {"Origin: https://evil.example", auth1(p.w.token("alice", time.Hour, "s")), 4206},
		"no page at all":         {"Origin: null", auth1(p.w.token("alice", time.Hour, "s")), 4206},
		"no token":               {"X: y", `{"t":"auth","device":"d"}`, 4205},
		"nothing":                {"X: y", "", 4201},
		"an expired token":       {"X: y", auth1(expired), 4201},
		"a message before":       {"X: y", `{"t":"send","client_msg_id":"m","to":"bob","kind":"text","body":{}}`, 4205},
		"a token nobody's":       {"X: y", auth1("x.y.z"), 4201},
		"256 lines before it":    {"X: y", strings.Repeat("{}\n", 257), 4205},
		"a line that never ends": {"X: y", strings.Repeat("[", 60_000), 4205},
	} {
		peer := plug(t, p.address, net.Dialer{}).shake(c.origin)
		if c.text != "" {
			peer.put(talk.Says(c.text))
		}
		if code, texts, _ := peer.end(); code != c.code || strings.Contains(strings.Join(texts, ""), `"ready"`) {
			t.Errorf("%s: %d after %q, want %d", name, code, texts, c.code)
		}
	}
}

// frames are too large, too many, or do not end.
func frames(t *testing.T, p *process) {
	ping := string(talk.Masked(talk.Fin|talk.Ping, []byte("x")))
	slow := func() *wire {
		return plug(t, p.address, net.Dialer{}).shake().enter(p.w.token("mallory", time.Hour, "m"), fmt.Sprint("d", time.Now().UnixNano()))
	}
	waits := map[string]*wire{"half a message": slow(), "half a head": slow()}
	waits["half a message"].put(append(talk.HeadOf(talk.Fin|talk.Text, 60_000), talk.Mask(make([]byte, 50_000))...))
	waits["half a head"].put([]byte{talk.Fin | talk.Text})
	for name, c := range map[string]struct {
		send []byte
		code int
	}{
		"1 MiB":                {talk.Says(strings.Repeat("x", 1<<20)), 1009},
		"1 MiB in fragments":   {talk.Fragments(strings.Split(strings.Repeat(strings.Repeat("x", 1<<15)+",", 31)+"x", ",")...), 1009},
		"2^63 bytes":           {talk.HeadOf(talk.Fin|talk.Text, 1<<63), 1002},
		"2^63-1 bytes":         {talk.HeadOf(talk.Fin|talk.Text, 1<<63-1), 1009},
		"a flood of pings":     {[]byte(strings.Repeat(ping, 500)), 4205},
		"a flood of lines":     {[]byte(strings.Repeat(string(talk.Says(`{"t":"pong"}`)), 1000)), 4205},
		"lines in one message": {talk.Says(strings.Repeat(`{"t":"pong"}`+"\n", 5000)), 4205},
		"mistakes":             {talk.Says(strings.Repeat("no\n", 12)), 4205},
	} {
		peer := slow()
		_, _ = peer.Write(c.send) // of which not all may be heard
		if code, texts, _ := peer.end(); code != c.code {
			t.Errorf("%s: %d after %.200q, want %d", name, code, texts, c.code)
		}
	}
	for name, peer := range waits {
		if code, _, _ := peer.end(); code != 4205 {
			t.Errorf("%s: %d", name, code)
		}
	}
}

// forgeries: somebody who is let in, and is not who, where or when it says; own is
// a group that it is in, with bob.
func forgeries(t *testing.T, p *process, g, own string, bob *person) {
	mallory := p.w.join(p.node, "mallory", "forger")
	mallory.say(line{"t": "send", "conversation": g, "client_msg_id": "f1", "kind": "text", "body": line{}, "from": "alice", "seq": 1})
	mallory.await("refused", "client_msg_id", "f1", "code", "not_found", "retryable", false)
	mallory.say(line{"t": "read", "conversation": g, "seq": 99})
	mallory.say(line{"t": "typing", "conversation": g})
	mallory.say(line{"t": "recall", "conversation": g, "seq": 1})
	mallory.await("error", "code", "unknown_type", "ref", "recall")
	mallory.say(line{"t": "message", "conversation": g, "seq": 99, "from": "alice", "body": line{}})
	mallory.await("error", "code", "unknown_type", "ref", "message")
	// Its own conversation: what it says of itself there is not what counts.
	mallory.say(line{"t": "send", "conversation": own, "client_msg_id": "f2", "kind": "text", "body": line{}, "from": "alice", "seq": 77,
		"sent_at": "1999-01-01T00:00:00.000Z", "message_id": "x", "socket": "y"})
	mallory.await("sent", "client_msg_id", "f2", "seq", 1)
	m := bob.await("message", "conversation", own)
	sent, err := time.Parse(time.RFC3339, m["sent_at"].(string))
	if err != nil || time.Since(sent) > time.Minute || !m.has("from", "mallory", "seq", 1) || m["message_id"] == "x" {
		t.Errorf("bob got %v", m)
	}
	if bob.heard("typing") || bob.heard("message", "from", "mallory", "conversation", g) || bob.heard("event") {
		t.Errorf("bob heard of it: %v", bob.seen)
	}
	stored := 0
	must(t, p.w.pool.QueryRow(t.Context(), `select count(*) from message.message where conversation_id = $1 and sender_id = 'mallory'`, g).Scan(&stored))
	if stored != 0 {
		t.Errorf("%d messages of a stranger are stored", stored)
	}
}

// halfOpen: three thousand who never end their handshake.
func halfOpen(t *testing.T, p *process, good chat) {
	for i := range 3000 {
		peer := plug(t, p.address, net.Dialer{})
		peer.put([]byte("GET /v1/ws HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("y", 1000)))
		if i%300 == 299 {
			good.say(fmt.Sprint("half", i))
		}
	}
	p.w.join(p.node, "carol", "d") // whoever means it is let in
	await(t, "the oldest to have given way", func() bool { return p.count(`connector_handshakes_total{outcome="crowded"}`) >= 2500 })
}

// TestNoRoom: a connector that has as many sockets as it may says so.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(0, "max_sockets=2")
	one, two := w.join(p.node, "alice", "d"), w.join(p.node, "bob", "d")
	if status, text := p.ask("/_/ready"); status != http.StatusServiceUnavailable || !strings.Contains(text, `"sockets":2`) {
		t.Errorf("full, it says %d %s", status, text)
	}
	third := plug(t, p.address, net.Dialer{})
	third.put(request())
	if head := third.head(); !strings.HasPrefix(head, "HTTP/1.1 503 ") || !strings.Contains(head, "Retry-After: 1\r\n") {
		t.Errorf("one too many was answered %q", head)
	}
	two.say(line{"t": "ping"})
	two.await("pong")
	_ = one.conn.Close(websocket.StatusNormalClosure, "")
	await(t, "the process to be ready again", p.ready)
	w.join(p.node, "carol", "d")
}

// TestNoDescriptors: a connector that can open no more files serves who is in, and
// everybody once it can.
func TestNoDescriptors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(64)
	g := w.found("alice", "bob")
	good := chat{t, w.join(p.node, "alice", "d"), w.join(p.node, "bob", "d"), g}
	good.say("before")
	var idle []*wire
	for range 100 {
		idle = append(idle, plug(t, p.address, net.Dialer{}))
	}
	await(t, "a connection not to be accepted", func() bool { return p.count("connector_accept_failures_total") > 0 })
	for i := range 5 {
		good.say(fmt.Sprint("without", i))
	}
	for _, c := range idle {
		_ = c.Close()
	}
	w.join(p.node, "carol", "d")
	good.say("after")
}
