// Package chat is a client of the messages in Go, for tests and bots: it keeps a
// WebSocket to a connector, sends each message until it is stored, and shows
// what comes once and in order, whatever the network does to it.
//
// What it decides (when to come back, what to send again, what is missing) is a
// machine that is told what happened and when; the rest carries that out. It
// shares no code with the server: not the codec, not the types.
//
// It does not sign in, and draws nothing. What it keeps between two lives is the
// caller's Store.
package chat

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"
)

// mostEvents is how many events wait to be read; the next is dropped.
const mostEvents = 4096

// ErrEnded is returned to who waits for a client whose Run has returned.
var ErrEnded = errors.New("the client has ended")

// Options are what a client needs.
type Options struct {
	Sockets []string // of the connectors, e.g. ws://127.0.0.1:8090/v1/ws; one after the other is tried
	API     string   // where the functions are, e.g. http://127.0.0.1:8080/function
	User    string   // whose tokens Token gives
	Device  string   // one socket a device: another one of the same replaces it
	// Token gives an access token and when it expires; fresh asks for one that was
	// not given before. An error is tried again, ErrSignedOut in its chain ends the
	// client.
	Token func(ctx context.Context, fresh bool) (string, time.Time, error)
	// Store keeps what a later client of the same user and device goes on with.
	// None: nothing is kept.
	Store Store
	// HTTP is used for calls and handshakes. None: one of the client's own.
	HTTP *http.Client
	// Record keeps all that the client sees and is told, for Judge. It takes memory
	// for every message: it is for tests.
	Record bool
	// Random spreads the waits. None: seeded by chance. It is not used for ids.
	Random *rand.Rand
}

// Client is one device of one user. Its methods are safe for concurrent use.
type Client struct {
	o     Options
	store Store
	http  *http.Client
	own   *http.Transport // set when http is ours

	wake    chan struct{} // something has changed
	events  chan Event
	dropped atomic.Int64
	ended   chan struct{} // closed when Run returns
	running atomic.Bool

	mu      sync.Mutex
	core    *core
	changed chan struct{} // closed at the next change, if heeded
	heeded  bool
	why     error // set before ended is closed
	conn    *websocket.Conn
	sever   context.CancelFunc // ends the connection, or its making
}

// New makes a client that does nothing until Run. It loads what its store has.
func New(o Options) (*Client, error) { return newClient(o, standard()) }

func newClient(o Options, t terms) (*Client, error) {
	switch {
	case len(o.Sockets) == 0 || o.API == "":
		return nil, errors.New("making a chat client: no address")
	case o.User == "" || o.Device == "" || o.Token == nil:
		return nil, errors.New("making a chat client: no user, device or source of tokens")
	}
	c := &Client{
		o: o, store: o.Store, http: o.HTTP,
		wake: make(chan struct{}, 1), events: make(chan Event, mostEvents), ended: make(chan struct{}), changed: make(chan struct{}),
		sever: func() {},
	}
	if c.store == nil {
		c.store = &Memory{}
	}
	if c.http == nil {
		c.own = &http.Transport{}
		c.http = &http.Client{Transport: c.own}
	}
	random := rand.Float64
	if o.Random != nil {
		random = o.Random.Float64 // only under mu
	}
	c.core = newCore(o, t, random)
	saved, err := c.store.Load(o.User)
	if err != nil {
		return nil, fmt.Errorf("loading what the chat client of %s has kept: %w", o.User, err)
	}
	c.core.restore(saved)
	return c, nil
}

// Queue puts a message in the outbox and does not wait for it. body has to
// encode as a JSON object. What can never be sent has failed when it returns.
func (c *Client) Queue(to Target, kind string, body any) (p *Pending) {
	id, err := uuid.NewV7()
	if err != nil {
		id = uuid.New()
	}
	c.do(func(time.Time) { p = c.core.queue(Draft{ID: id.String(), To: to, Kind: kind}, body) })
	return p
}

// Send sends a message and waits until the server has stored it, through as many
// attempts as that takes. Errors: a *Refused that is final; ErrEnded; that of
// ctx: then the message stays in the outbox and goes on being sent.
func (c *Client) Send(ctx context.Context, to Target, kind string, body any) (Sent, error) {
	p := c.Queue(to, kind, body)
	select {
	case <-p.Done():
	case <-ctx.Done():
	case <-c.ended:
		return Sent{}, c.end()
	}
	s, err := p.Wait(ctx)
	if refused := (*Refused)(nil); errors.As(err, &refused) {
		c.Discard(p) // the caller has been told
	}
	return s, err
}

// Unsent are the messages that the server has not confirmed, oldest first.
func (c *Client) Unsent() (all []*Pending) {
	c.do(func(time.Time) {
		for _, l := range c.core.box.letters {
			all = append(all, l.pending)
		}
	})
	return all
}

// Retry sends a failed message again, under the same id, as the newest of its
// conversation. Others are left as they are.
func (c *Client) Retry(p *Pending) {
	c.do(func(now time.Time) {
		c.core.box.retry(p.ID)
		c.core.touch(now)
	})
}

// Discard forgets a failed message. Others are left as they are.
func (c *Client) Discard(p *Pending) {
	c.do(func(now time.Time) {
		if l := c.core.box.find(p.ID); l != nil && l.Failed != "" {
			c.core.box.drop(l)
			c.core.touch(now)
		}
	})
}

// State is where the client is with its connection.
func (c *Client) State() (s LinkState) {
	c.do(func(time.Time) { s = c.core.link.state })
	return s
}

// Conversation is what a client knows of one.
type Conversation struct {
	ID     string
	Kind   string // direct or group; empty until the server was asked
	Cursor int64  // all up to it is shown, is a gap, or is not for this user
	Head   int64  // the highest seq that the client was told of
	Read   int64  // the user's read cursor
}

// Conversations are those that the client knows, by id.
func (c *Client) Conversations() (all []Conversation) {
	c.do(func(time.Time) {
		for _, id := range c.core.conversations() {
			k := c.core.talks[id]
			all = append(all, Conversation{ID: id, Kind: k.kind, Cursor: k.cursor, Head: k.head, Read: max(k.read, k.wanted)})
		}
	})
	return all
}

// Timeline is what there is to show of a conversation, by seq, with a mark for
// each gap.
func (c *Client) Timeline(conversation string) (all []Entry) {
	c.do(func(time.Time) {
		if k, ok := c.core.talks[conversation]; ok {
			all = k.entries()
		}
	})
	return all
}

// Head is the highest seq of a conversation that the client was told of, 0 of
// one that it does not know.
func (c *Client) Head(conversation string) (head int64) {
	c.do(func(time.Time) {
		if k, ok := c.core.talks[conversation]; ok {
			head = k.head
		}
	})
	return head
}

// Await waits until everything of a conversation up to seq is shown, or is a
// known gap. Errors: that of ctx, ErrEnded.
func (c *Client) Await(ctx context.Context, conversation string, seq int64) error {
	return c.await(ctx, func() bool {
		k, ok := c.core.talks[conversation]
		return ok && k.cursor >= seq
	})
}

// Sync asks the server for everything that is new, and returns when it is shown:
// what was stored before the call and is not in a gap. Errors: that of ctx,
// ErrEnded.
func (c *Client) Sync(ctx context.Context) error {
	number := 0
	c.do(func(now time.Time) { number = c.core.sync.force(now) })
	return c.await(ctx, func() bool { return c.core.sync.good >= number })
}

// AwaitState waits until the connection is in a state. Errors: that of ctx,
// ErrEnded.
func (c *Client) AwaitState(ctx context.Context, s LinkState) error {
	return c.await(ctx, func() bool { return c.core.link.state == s })
}

// Read moves the user's read cursor forward to seq. It is brought to the server
// as soon as there is a connection, and again after each; nothing waits for it.
func (c *Client) Read(conversation string, seq int64) {
	c.do(func(now time.Time) { c.core.read(now, conversation, seq) })
}

// Typing tells the others that the user is typing, if there is a connection.
func (c *Client) Typing(conversation string) { c.say(sayTyping(conversation)) }

// Watch asks for the presence of up to 100 users, instead of those before; it is
// told as events, now and when it changes.
func (c *Client) Watch(users []string) {
	c.do(func(time.Time) { c.core.watched = users })
	c.say(sayWatch(users))
}

// say puts a line out that may be dropped.
func (c *Client) say(line []byte) {
	c.do(func(time.Time) {
		if c.core.link.state == Ready {
			c.core.out = append(c.core.out, line)
		}
	})
}

// Events tells what happens, in order. A full channel drops; Dropped counts.
func (c *Client) Events() <-chan Event { return c.events }

// Dropped is how many events nobody read in time.
func (c *Client) Dropped() int64 { return c.dropped.Load() }

// Record is what the client saw and was told until now; see Options.Record.
func (c *Client) Record() (r Record) {
	c.do(func(time.Time) { r = c.core.record.copy(c.core.talks) })
	return r
}

// Pause makes trouble for tests.
type Pause struct{ c *Client }

// Pause gives the means to make trouble.
func (c *Client) Pause() Pause { return Pause{c} }

// Cut ends the connection as a network does: nobody is told. The client comes
// back by itself.
func (p Pause) Cut() { p.c.do(p.c.core.lose) }

// Hold keeps the client away from the network, or lets it come back at once.
func (p Pause) Hold(away bool) { p.c.do(func(now time.Time) { p.c.core.hold(now, away) }) }
