package connector

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"sync"
	"sync/atomic"
	"time"

	"bazaar/infra/connector/socket"
)

const (
	// maxLines may wait to be read.
	maxLines = 256
	// linesAtOnce are read before others get their turn.
	linesAtOnce = 32
)

// stage is how far a client has come.
type stage uint8

const (
	greeting stage = iota // its token is awaited
	joining               // it is looked up: what it says waits
	ready                 // it is served
	leaving               // it is served no more
)

// client is one connection: who it is, what it has said that is not served yet,
// and what it may still do.
type client struct {
	node    *Connector
	socket  *socket.Socket
	session string        // its id in presence
	opened  time.Duration // since the node began
	user    string        // set before it is seated
	active  atomic.Int64  // when it last said something but pong, Unix ms

	mu      sync.Mutex
	stage   stage
	lines   [][]byte // not served yet
	busy    bool     // a worker has it, or is about to
	sends   []letter // not sent yet
	sending bool
	end     socket.Code // to be closed with when all is sent; 0 for not
	bearer  bearer
	marks   marks
	since   int64 // of its session in presence; 0: it has none
	let     bool  // in: it was ready once
	ended   bool

	used    quota         // its worker's alone
	place   place         // its shard's alone
	here    *user         // the hub's alone
	gone    bool          // the hub's alone
	watches []string      // the hub's alone
	pinged  time.Duration // the keeper's alone
	turn    spoke         // of the register's wheels
	lease   spoke
}

// bearer is whose token a client has shown, and until when it counts.
type bearer struct {
	user, device, session string
	token                 string
	expires               time.Time
}

// Opened greets a new socket.
func (n *Connector) Opened(s *socket.Socket) {
	c := &client{node: n, socket: s, session: newID(), opened: n.since()}
	s.Tag(c)
	n.metrics.sockets.WithLabelValues("open").Inc()
	n.register.add(c)
	s.Offer(socket.Text(helloLine(c.session, n.settings.Heartbeat)), socket.Control)
}

// Text takes what a client says. It is worked on elsewhere: the stack here stays
// small.
func (n *Connector) Text(s *socket.Socket, message []byte) {
	if c, ok := s.Tagged().(*client); ok && !c.hear(message) {
		c.dismiss(socket.Misused, "too much waits to be read")
	}
}

// Drained has the shard hint at what was refused.
func (n *Connector) Drained(s *socket.Socket) {
	if c, ok := s.Tagged().(*client); ok {
		n.put(c, op{kind: opDrained, client: c})
	}
}

// Ended takes a client out of everything. It returns when others can know.
func (n *Connector) Ended(s *socket.Socket, code socket.Code, err error) {
	c, ok := s.Tagged().(*client)
	if !ok {
		return
	}
	n.metrics.sockets.WithLabelValues("open").Dec()
	n.metrics.closed(code)
	n.register.remove(c)
	n.hub.do(func() { n.hub.leave(c) })
	c.mu.Lock()
	c.stage, c.ended, c.lines = leaving, true, nil
	held, let, user := c.since != 0, c.let, c.user
	c.mu.Unlock()
	cause := ""
	if err != nil {
		cause = err.Error()
	}
	n.log.Debug("a socket has ended", "session", c.session, "user", user, "code", int(code), "cause", cause)
	if let {
		n.metrics.sockets.WithLabelValues("ready").Dec()
	}
	c.flushMarks()
	if held {
		n.goodbye(c)
	}
}

// alive is all that most connections say, most of the time: nobody need work on it.
const alive = `{"t":"pong"}`

// hear keeps the lines of a message until a worker takes them; false when too
// many wait.
func (c *client) hear(message []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stage == leaving {
		return true
	}
	if c.stage == ready && string(message) == alive {
		c.node.metrics.frame("in", verbPong)
		return true
	}
	message = bytes.Clone(message)
	for line := range bytes.SplitSeq(message, []byte("\n")) {
		if len(bytes.TrimSpace(line)) > 0 {
			c.lines = append(c.lines, line)
		}
	}
	if len(c.lines) > maxLines {
		return false
	}
	c.wake()
	return true
}

// wake has a worker take the client, with c.mu held.
func (c *client) wake() {
	if c.busy || c.stage == joining || len(c.lines) == 0 {
		return
	}
	c.busy = true
	select {
	case c.node.turns <- c: // it has room for every client once
	case <-c.node.idle:
	}
}

// next gives the next line to be served.
func (c *client) next() (line []byte, st stage, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.lines) == 0 || c.stage == joining || c.stage == leaving {
		c.busy = false
		if len(c.lines) == 0 {
			c.lines = nil
		}
		return nil, c.stage, false
	}
	line = c.lines[0]
	c.lines[0] = nil
	c.lines = c.lines[1:]
	return line, c.stage, true
}

// work serves some of what waits.
func (c *client) work() {
	for range linesAtOnce {
		line, st, ok := c.next()
		if !ok {
			return
		}
		c.serve(line, st)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = false
	c.wake()
}

// serve takes one line.
func (c *client) serve(line []byte, st stage) {
	e, wrong := open(line)
	if st == greeting {
		if wrong != nil || e.verb != verbAuth {
			c.dismiss(socket.Misused, "the first line is auth")
			return
		}
		c.authenticate(e)
		return
	}
	if wrong != nil {
		c.blame(*wrong)
		return
	}
	c.node.metrics.frame("in", e.verb)
	if e.verb != verbPong && e.verb != verbPing {
		c.active.Store(time.Now().UnixMilli())
	}
	switch e.verb {
	case verbAuth:
		c.blame(mistake{code: "invalid_frame", ref: "auth"}) // once is enough
	case verbSend:
		c.send(e)
	case verbRead:
		c.mark(e.conversation, e.seq)
	case verbTyping:
		if ok, _ := c.used.typing.take(c.node.since(), c.node.rates.typing); ok {
			c.node.hub.do(func() { c.node.hub.typing(c, e.conversation) })
		}
	case verbPresence:
		if ok, _ := c.used.watches.take(c.node.since(), c.node.rates.watches); !ok {
			c.blame(mistake{code: "rate_limited", ref: "presence"})
			return
		}
		c.node.watch(c, e.users)
	case verbToken:
		c.renew(e)
	case verbPing:
		c.socket.Offer(socket.Text(pongLine()), socket.Ephemeral)
	case verbPong: // that it was heard is all
	}
}

// blame tells a client that a line is not served. The tenth time in a minute is
// the last.
func (c *client) blame(m mistake) {
	if ok, _ := c.used.mistakes.take(c.node.since(), c.node.rates.mistakes); !ok {
		c.dismiss(socket.Misused, "too many mistakes")
		return
	}
	c.socket.Offer(socket.Text(errorLine(m.code, m.ref)), socket.Answer)
}

// welcomed lets a client in. Its shard calls it.
func (c *client) welcomed(heads map[string]int64) {
	c.mu.Lock()
	expires := c.bearer.expires
	if c.stage != joining {
		c.mu.Unlock()
		return
	}
	c.stage, c.let = ready, true
	// Before anything that its lines are answered with.
	c.socket.Offer(socket.Text(readyLine(c.user, expires, heads)), socket.Control)
	c.node.metrics.sockets.WithLabelValues("ready").Inc()
	c.wake()
	c.mu.Unlock()
}

// dismiss ends a client now.
func (c *client) dismiss(code socket.Code, reason string) { c.dismissAfter(code, reason, 0) }

// dismissAfter ends a client now, and says when it makes sense to come back.
func (c *client) dismissAfter(code socket.Code, reason string, after time.Duration) {
	c.mu.Lock()
	done := c.stage == leaving
	c.stage, c.lines = leaving, nil
	c.mu.Unlock()
	if !done {
		c.socket.Offer(socket.Text(byeLine(code, after)), socket.Control)
	}
	c.socket.Close(code, reason)
}

// retire ends a client once what it has sent is answered.
func (c *client) retire(code socket.Code) {
	c.mu.Lock()
	c.stage, c.lines = leaving, nil
	c.end = code
	idle := !c.sending
	c.mu.Unlock()
	if idle {
		c.socket.Close(code, "")
	}
}

// newID is 128 random bits in 22 letters.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}
