package socket

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"bazaar/infra/connector/socket/talk"
)

// patience is how long a test waits for what must come.
const patience = 15 * time.Second

const (
	testPath     = "/v1/ws"
	testProtocol = "bazaar.v1.json"
	// The key and its answer are those of RFC 6455, section 1.3.
	testKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	testAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// recorder is a handler that notes what it is told.
type recorder struct {
	opened  chan *Socket
	texts   chan string
	drained chan *Socket
	ended   chan ending

	mu     sync.Mutex
	onOpen func(*Socket)
	onText func(*Socket, []byte)

	onDrained func()
}

type ending struct {
	socket *Socket
	code   Code
	err    error
}

func (r *recorder) Opened(s *Socket) {
	r.mu.Lock()
	f := r.onOpen
	r.mu.Unlock()
	if f != nil {
		f(s)
	}
	r.opened <- s
}

func (r *recorder) Text(s *Socket, message []byte) {
	r.mu.Lock()
	f := r.onText
	r.mu.Unlock()
	if f != nil {
		f(s, message)
	}
	r.texts <- string(message)
}

func (r *recorder) Drained(s *Socket) {
	r.drained <- s
	r.mu.Lock()
	f := r.onDrained
	r.mu.Unlock()
	if f != nil {
		f()
	}
}

func (r *recorder) Ended(s *Socket, code Code, err error) { r.ended <- ending{s, code, err} }

// counter counts what becomes no socket.
type counter struct {
	outcomes chan Outcome
	failures chan error
}

func (c *counter) Handshake(o Outcome)    { c.outcomes <- o }
func (c *counter) AcceptFailed(err error) { c.failures <- err }

// rig is a server on loopback and what it has told.
type rig struct {
	*recorder
	*counter
	server  *Server
	address string
	stop    context.CancelFunc
	done    chan error
}

// serve starts a server, which must have ended whole when the test ends.
func serve(t *testing.T, change func(*Settings), wrap ...func(net.Listener) net.Listener) *rig {
	t.Helper()
	const room = 1 << 14
	r := &rig{
		recorder: &recorder{opened: make(chan *Socket, room), texts: make(chan string, room), drained: make(chan *Socket, room), ended: make(chan ending, room)},
		counter:  &counter{outcomes: make(chan Outcome, room), failures: make(chan error, room)},
		done:     make(chan error, 1),
	}
	set := Settings{Path: testPath, Protocol: testProtocol, FramesPerSecond: 1 << 20, ControlsPerSecond: 1 << 20}
	if change != nil {
		change(&set)
	}
	var err error
	if r.server, err = New(set, r, r); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.address = l.Addr().String()
	for _, f := range wrap {
		l = f(l)
	}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() { r.done <- r.server.Serve(ctx, l); close(r.done) }()
	t.Cleanup(func() {
		stop()
		if err, ok := within(t, r.done); ok && err != nil {
			t.Errorf("serving: %v", err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := r.server.Wait(ctx); err != nil {
			t.Error(err)
		}
		if used := r.server.set.Budget.Used(); used != 0 || len(r.server.set.Budget.holders) != 0 {
			t.Errorf("with no socket left the budget counts %d bytes of %d", used, len(r.server.set.Budget.holders))
		}
	})
	return r
}

// within gives what a channel brings; ok is false for one that is closed.
func within[T any](t *testing.T, c <-chan T) (v T, ok bool) {
	t.Helper()
	select {
	case v, ok = <-c:
		return v, ok
	case <-time.After(patience):
		t.Fatalf("nothing came within %v", patience)
		return v, false
	}
}

// await gives what a channel brings.
func await[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	v, _ := within(t, c)
	return v
}

// client is a peer that knows nothing but bytes.
type client struct {
	*net.TCPConn
	t *testing.T
	r *bufio.Reader
}

// dial connects, and says nothing yet. window, if not 0, is how much the client's
// kernel takes without being read from.
func (r *rig) dial(t *testing.T, window int) *client {
	t.Helper()
	d := net.Dialer{Timeout: patience}
	if window > 0 {
		d.Control = func(_, _ string, c syscall.RawConn) error {
			return option(c, syscall.SOL_SOCKET, syscall.SO_RCVBUF, window)
		}
	}
	return r.dialBy(t, d)
}

func option(c syscall.RawConn, level, name, value int) error {
	var met error
	err := c.Control(func(fd uintptr) { met = syscall.SetsockoptInt(int(fd), level, name, value) })
	return errors.Join(err, met)
}

func (r *rig) dialBy(t *testing.T, d net.Dialer) *client {
	t.Helper()
	c, err := d.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(4 * patience))
	return &client{TCPConn: c.(*net.TCPConn), t: t, r: bufio.NewReaderSize(c, 512)}
}

// open connects and shakes hands.
func (r *rig) open(t *testing.T) (*client, *Socket) {
	t.Helper()
	return r.openSlow(t, 0)
}

func (r *rig) openSlow(t *testing.T, window int) (*client, *Socket) {
	t.Helper()
	return r.greet(t, r.dial(t, window))
}

// greet shakes hands.
func (r *rig) greet(t *testing.T, c *client) (*client, *Socket) {
	t.Helper()
	c.say(asked())
	if head := c.head(); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		t.Fatalf("the handshake was answered %q", head)
	}
	return c, await(t, r.opened)
}

// asked is the request of a client with nothing special about it, with more fields.
func asked(fields ...string) []byte {
	return []byte("GET " + testPath + " HTTP/1.1\r\nHost: chat.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: " + testKey + "\r\nSec-WebSocket-Version: 13\r\n" + strings.Join(append(fields, ""), "\r\n") + "\r\n")
}

// say sends bytes, which must go.
func (c *client) say(b []byte) {
	c.t.Helper()
	if _, err := c.Write(b); err != nil {
		c.t.Fatalf("sending: %v", err)
	}
}

// utter sends bytes that the server may refuse to hear.
func (c *client) utter(b []byte) { _, _ = c.Write(b) }

// head reads the head of an answer.
func (c *client) head() string {
	c.t.Helper()
	var b strings.Builder
	for !strings.HasSuffix(b.String(), "\r\n\r\n") {
		line, err := c.r.ReadString('\n')
		if err != nil {
			c.t.Fatalf("reading an answer after %q: %v", b.String(), err)
		}
		b.WriteString(line)
	}
	return b.String()
}

// next reads a frame, which must be one that a server may send.
func (c *client) next() (op byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
		return 0, nil, err
	}
	if head[0]&0xf0 != 0x80 || head[1]&0x80 != 0 {
		return 0, nil, fmt.Errorf("a frame that begins with %x", head)
	}
	length, least := uint64(head[1]), uint64(0)
	switch length {
	case 126:
		var n [2]byte
		_, err = io.ReadFull(c.r, n[:])
		length, least = uint64(binary.BigEndian.Uint16(n[:])), 126
	case 127:
		var n [8]byte
		_, err = io.ReadFull(c.r, n[:])
		length, least = binary.BigEndian.Uint64(n[:]), 1<<16
	}
	if err == nil && (length < least || length > 1<<24) {
		err = fmt.Errorf("a frame with a length of %d", length)
	}
	if err != nil {
		return 0, nil, err
	}
	payload = make([]byte, length)
	_, err = io.ReadFull(c.r, payload)
	return head[0] & 0x0f, payload, err
}

// hears reads a frame that must come, and be this.
func (c *client) hears(op byte, payload string) {
	c.t.Helper()
	gotOp, got, err := c.next()
	if err != nil || gotOp != op || string(got) != payload {
		c.t.Fatalf("heard %x %.80q, %v, want %x %.80q", gotOp, got, err, op, payload)
	}
}

// hearsClose reads to the close frame and then to the end of the connection.
func (c *client) hearsClose(code Code) {
	c.t.Helper()
	for {
		op, payload, err := c.next()
		if err != nil {
			c.t.Fatalf("reading to the close frame %d: %v", code, err)
		}
		if op != opClose {
			continue
		}
		if got := codeOf(payload); got != code {
			c.t.Fatalf("closed with %d %q, want %d", got, payload[min(2, len(payload)):], code)
		}
		_ = c.CloseWrite()
		if rest, err := io.ReadAll(c.r); len(rest) > 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
			c.t.Fatalf("after the close frame came %q, %v", rest, err)
		}
		return
	}
}

func codeOf(payload []byte) Code {
	if len(payload) < 2 {
		return NoStatus
	}
	return Code(binary.BigEndian.Uint16(payload))
}

// What a client can say, in few letters.

const (
	opMore  = talk.More
	opText  = talk.Text
	opData  = talk.Data
	opClose = talk.Close
	opPing  = talk.Ping
	opPong  = talk.Pong
	fin     = talk.Fin
)

func masked(first byte, payload []byte) []byte { return talk.Masked(first, payload) }
func says(text string) []byte                  { return talk.Says(text) }
func closes(code Code, reason string) []byte   { return talk.Closes(uint16(code), reason) }
func headOf(first byte, length uint64) []byte  { return talk.HeadOf(first, length) }
func xor(payload []byte) []byte                { return talk.Mask(payload) }
func join(frames ...[]byte) []byte             { return talk.Join(frames...) }
