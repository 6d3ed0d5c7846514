// Package connector_test runs connectors with a real PostgreSQL, Redis and NATS.
// In the place of the functions there is a gateway of the test, which stores
// messages as push-message does.
package connector_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/jackc/pgx/v5"

	"bazaar/infra/connector"
	"bazaar/infra/local/server"
	"bazaar/shared/auth"
	"bazaar/shared/bus"
	"bazaar/shared/fault"
	"bazaar/shared/group"
	"bazaar/shared/identity"
	"bazaar/shared/message"
	"bazaar/shared/pg"
	"bazaar/shared/presence"
	"bazaar/shared/rdb"
	"bazaar/shared/telemetry"
	"bazaar/tests/support"
)

// patience is how long anything may take that is to happen.
const patience = 15 * time.Second

// world is the stores and the gateway around the nodes.
type world struct {
	message.Store
	t        *testing.T
	pool     *pg.Pool
	settings pg.Settings
	redis    *rdb.Client
	store    *server.Redis // Redis itself, to be killed and started again, empty
	nats     *support.NATSServer
	bus      *bus.Bus
	tokens   *auth.Verifier
	poster   *message.Poster
	gateway  *httptest.Server

	silent atomic.Bool // what is posted is stored, and nobody is told
	delay  atomic.Int64
	mu     sync.Mutex
	marks  []string // conversation/seq of read marks
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, settings: support.PostgresSettings(t), nats: support.NewNATS(t, nil)}
	w.redis, w.store = support.FreshRedis(t)
	w.pool, w.bus = support.OpenPostgres(t, w.settings), w.nats.Bus()
	var err error
	if w.tokens, err = auth.NewVerifier(support.TokenSettings(t)); err != nil {
		t.Fatal(err)
	}
	announcer := message.NewAnnouncer(teller{w}, w.pool, message.AnnouncerSettings{Opened: func(o message.Opened) bus.Note {
		return group.Changed{Conversation: o.Conversation, Version: o.Version, LastSeq: o.LastSeq, By: o.By}.Note(o.User)
	}})
	w.poster = message.NewPoster(w.pool, announcer, 3)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { announcer.Run(ctx) })
	w.gateway = httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(func() {
		w.gateway.Close()
		stop()
		running.Wait()
	})
	return w
}

// teller is the bus of push-message, which can lose all that is told.
type teller struct{ w *world }

func (l teller) Tell(notes ...bus.Note) error {
	if l.w.silent.Load() {
		return nil
	}
	return l.w.bus.Tell(notes...)
}
func (l teller) Flush(ctx context.Context) error { return l.w.bus.Flush(ctx) }
func (l teller) Connections() uint64             { return l.w.bus.Connections() }

// serve is push-message, and the read marks of sync-messages.
func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	if d := time.Duration(w.delay.Load()); d > 0 {
		<-time.After(d)
	}
	body, _ := io.ReadAll(r.Body)
	if r.URL.Path == "/function/push-message/letters" {
		w.storeLetters(rw, body)
		return
	}
	caller, err := w.tokens.Verify(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	rest, ok := strings.CutPrefix(r.URL.Path, "/function/sync-messages/")
	switch {
	case err != nil:
		refuse(rw, err)
		return
	case !ok:
		refuse(rw, fault.New(fault.NotFound, "not_found", "No."))
		return
	}
	var mark struct{ Seq json.Number }
	_ = json.Unmarshal(body, &mark)
	w.mu.Lock()
	w.marks = append(w.marks, caller.Subject+" "+strings.TrimSuffix(rest, "/read")+" "+mark.Seq.String())
	w.mu.Unlock()
	rw.WriteHeader(http.StatusNoContent)
}

// storeLetters stores what a connector brings.
func (w *world) storeLetters(rw http.ResponseWriter, body []byte) {
	answers := json.NewEncoder(rw)
	var drafts []message.Draft
	for line := range bytes.Lines(body) {
		var l struct {
			Token, Socket string
			Message       struct {
				Conversation string          `json:"conversation"`
				To           string          `json:"to"`
				ClientMsgID  string          `json:"client_msg_id"`
				Kind         string          `json:"kind"`
				Body         json.RawMessage `json:"body"`
			}
		}
		var who auth.Claims // nobody's draft is refused
		if json.Unmarshal(line, &l) == nil {
			who, _ = w.tokens.Verify(l.Token)
		}
		drafts = append(drafts, message.Draft{Sender: who.Subject, Conversation: l.Message.Conversation, To: l.Message.To,
			ClientMsgID: l.Message.ClientMsgID, Kind: l.Message.Kind, Body: jsontext.Value(l.Message.Body), Socket: l.Socket})
	}
	posted, errs := w.poster.PostAll(context.Background(), drafts)
	for i, p := range posted {
		if errs[i] != nil {
			f := fault.Of(errs[i])
			_ = answers.Encode(map[string]any{"refused": map[string]any{"kind": f.Kind, "code": f.Code, "retry_after_ms": f.RetryAfter.Milliseconds()}})
			continue
		}
		_ = answers.Encode(map[string]any{"sent": map[string]any{"conversation": p.Conversation, "seq": p.Seq, "message_id": p.ID,
			"sent_at": message.Stamp(p.SentAt), "duplicate": p.Duplicate}})
	}
}

func refuse(rw http.ResponseWriter, err error) {
	f := fault.Of(err)
	rw.Header().Set("X-Fault", string(f.Kind))
	rw.Header().Set("Content-Type", "application/problem+json")
	if f.RetryAfter > 0 {
		rw.Header().Set("Retry-After", "2")
	}
	rw.WriteHeader(f.Status())
	_ = json.NewEncoder(rw).Encode(map[string]string{"code": f.Code})
}

// node is a connector of the test's.
type node struct {
	*connector.Connector
	address string
	stop    func() error // ends it and waits
	metrics func() string
}

// options change what a node is made with.
type options struct {
	settings  func(*connector.Settings)
	bus       bus.Settings
	directory connector.Directory
	revoked   connector.Revocations
	presence  func(connector.Presences) connector.Presences
	listener  net.Listener // in place of one on loopback
}

// parts are what a node is made of: as usual, but for what the options say.
func (w *world) parts(o options, b *bus.Bus, pool *pg.Pool) connector.Parts {
	parts := connector.Parts{Bus: b, Directory: o.directory, Presence: presence.NewStore(w.redis, 10), Tokens: w.tokens, Revoked: o.revoked}
	if parts.Directory == nil {
		parts.Directory = connector.NewDirectory(pool)
	}
	if parts.Revoked == nil {
		parts.Revoked = identity.NewWatch(pool)
	}
	if o.presence != nil {
		parts.Presence = o.presence(parts.Presence)
	}
	return parts
}

// open starts a node and waits until it lets people in.
func (w *world) open(o options) *node {
	w.t.Helper()
	s := connector.Settings{GatewayURL: w.gateway.URL, Heartbeat: 25 * time.Second, AuthTimeout: 5 * time.Second, MaxSockets: 500, MaxHandshakes: 100,
		QueueFrames: 256, QueueBytes: 256 << 10, QueuedBytes: 64 << 20, WriteTimeout: 10 * time.Second, DeafAfter: 5 * time.Second}
	if o.settings != nil {
		o.settings(&s)
	}
	if o.bus.URL == "" {
		o.bus = w.nats.Settings()
	}
	tel, err := telemetry.Start(context.Background(), "connector", telemetry.Settings{}, io.Discard)
	must(w.t, err)
	pool, err := pg.Open(w.settings, "connector", nil)
	must(w.t, err)
	b, err := bus.Open(o.bus, "connector", tel)
	must(w.t, err)
	c, err := connector.New(s, w.parts(o, b, pool), tel)
	must(w.t, err)
	l := o.listener
	if l == nil {
		l, err = net.Listen("tcp", "127.0.0.1:0")
		must(w.t, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- c.Run(ctx, l) }()
	n := &node{Connector: c, address: l.Addr().String()}
	n.stop = sync.OnceValue(func() error {
		cancel()
		err := <-ran
		closing, done := context.WithTimeout(context.Background(), patience)
		defer done()
		err = errors.Join(err, b.Close(closing))
		pool.Close()
		return err
	})
	w.t.Cleanup(func() {
		if err := n.stop(); err != nil {
			w.t.Error(err)
		}
	})
	page := httptest.NewServer(c.Handler())
	w.t.Cleanup(page.Close)
	n.metrics = func() string {
		res, err := http.Get(page.URL + "/metrics")
		must(w.t, err)
		defer res.Body.Close() //nolint:errcheck // read to its end
		text, err := io.ReadAll(res.Body)
		must(w.t, err)
		return string(text)
	}
	await(w.t, "the node to be ready", c.Ready)
	return n
}

// found opens a group.
func (w *world) found(owner string, members ...string) string {
	w.t.Helper()
	id := message.NewGroupID()
	must(w.t, w.pool.InTx(w.t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := w.Open(ctx, tx, id, owner, members)
		return err
	}))
	return id
}

// change changes the members of a conversation and tells nobody.
func (w *world) change(conversation string, f func(ctx context.Context, tx pgx.Tx, r *message.Room) error) message.Room {
	w.t.Helper()
	var room message.Room
	must(w.t, w.pool.InTx(w.t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		r, err := w.Lock(ctx, tx, conversation)
		if err != nil {
			return err
		}
		err = f(ctx, tx, &r)
		room = r
		return err
	}))
	return room
}

func (w *world) remove(conversation, user string) message.Room {
	w.t.Helper()
	return w.change(conversation, func(ctx context.Context, tx pgx.Tx, r *message.Room) error {
		_, err := w.Remove(ctx, tx, r, []string{user})
		return err
	})
}

func (w *world) add(conversation, user string) message.Room {
	w.t.Helper()
	return w.change(conversation, func(ctx context.Context, tx pgx.Tx, r *message.Room) error {
		_, err := w.Add(ctx, tx, r, message.Plain, []string{user})
		return err
	})
}

// post stores a message as another device of the sender would.
func (w *world) post(sender, conversation, id string) message.Posted {
	w.t.Helper()
	p, err := w.poster.Post(w.t.Context(), message.Draft{Sender: sender, Conversation: conversation, ClientMsgID: id, Kind: "text", Body: jsontext.Value(`{"text":"hi"}`)})
	must(w.t, err)
	return p
}

// pages reads what sync asks for.
func (w *world) pages(ctx context.Context, spans []message.Span) ([]message.Message, error) {
	return w.Between(ctx, w.pool, spans)
}

// sweep tells what the sweep would.
func (w *world) sweep() {
	w.t.Helper()
	s, err := w.Changed(w.t.Context(), w.pool)
	must(w.t, err)
	notes, err := s.Notes()
	must(w.t, err)
	must(w.t, w.bus.Tell(notes...))
}

func (w *world) token(user string, ttl time.Duration, session string) string {
	w.t.Helper()
	issuer, err := auth.NewIssuer(support.TokenSigningKey(w.t), "bazaar", "bazaar-api", ttl)
	must(w.t, err)
	token, err := issuer.Issue(auth.Claims{Subject: user, SessionID: session})
	must(w.t, err)
	return token
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// await polls until something is so.
func await(t *testing.T, what string, f func() bool) {
	t.Helper()
	awaitFor(t, patience, what, f)
}

func awaitFor(t *testing.T, atMost time.Duration, what string, f func() bool) {
	t.Helper()
	late := time.After(atMost)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-late:
			t.Fatalf("still waiting for %s", what)
		case <-tick.C:
		}
	}
}

// TestMain looks for what is left of the nodes when all tests are over.
func TestMain(m *testing.M) {
	flag.Parse()
	// They wait more than they work: more of them at once than there are processors.
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	os.Exit(left(m.Run()))
}
