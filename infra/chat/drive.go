package chat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
)

const (
	protocol = "bazaar.v1.json"
	// mostMessage bounds what is read at once: the heads of very many conversations.
	mostMessage = 4 << 20
	// mostWritten bounds the lines that go in one WebSocket message; a longer line
	// goes alone.
	mostWritten = 32 << 10
	// writeWithin bounds one write; a server that does not read is left.
	writeWithin = 10 * time.Second
	// politeFor bounds the goodbye of a client that ends.
	politeFor = time.Second
)

// do runs f on the machine and tells everyone who waits for a change.
func (c *Client) do(f func(now time.Time)) {
	c.mu.Lock()
	f(time.Now())
	for _, e := range c.core.events {
		select {
		case c.events <- e:
		default:
			c.dropped.Add(1)
		}
	}
	c.core.events = nil
	if c.heeded {
		close(c.changed)
		c.changed, c.heeded = make(chan struct{}), false
	}
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// await waits until holds, which is asked under the lock after each change.
func (c *Client) await(ctx context.Context, holds func() bool) error {
	for {
		c.mu.Lock()
		ok, changed := holds(), c.changed
		c.heeded = true
		c.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-c.ended:
			return c.end()
		}
	}
}

// end is why a client has ended.
func (c *Client) end() error {
	if c.why == nil {
		return ErrEnded
	}
	return fmt.Errorf("%w: %w", ErrEnded, c.why)
}

// Run connects and stays connected until ctx ends, which is no error, or until
// the server or the source of tokens says that it must not come back: a
// *Stopped. A client runs once; what it has not sent is in its store.
func (c *Client) Run(ctx context.Context) error {
	if c.running.Swap(true) {
		return errors.New("a chat client runs once")
	}
	var all sync.WaitGroup
	// Connections are ended by us, politely, and not by ctx.
	inner, cancel := context.WithCancel(ctx)
	why := c.drive(inner, &all)
	c.leave()
	cancel()
	all.Wait()
	c.keep()
	if c.own != nil {
		c.own.CloseIdleConnections()
	}
	c.why = why
	close(c.ended)
	return why
}

// drive does what is to be done, until ctx or the client ends.
func (c *Client) drive(ctx context.Context, all *sync.WaitGroup) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		var t todo
		c.mu.Lock()
		now := time.Now()
		t = c.core.plan(now)
		c.mu.Unlock()
		if ctx.Err() != nil {
			return nil
		}
		if t.stop != nil {
			return t.stop
		}
		if c.perform(ctx, all, t) {
			continue // something more can be done now
		}
		wait := time.Hour
		if !t.at.IsZero() {
			wait = max(time.Until(t.at), 0)
		}
		timer.Reset(wait)
		select {
		case <-c.wake:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
}

// perform does what was planned; what takes time goes on beside.
func (c *Client) perform(ctx context.Context, all *sync.WaitGroup, t todo) (again bool) {
	if t.cut {
		c.cut()
	}
	if t.save != nil {
		err := c.store.Save(c.o.User, *t.save)
		c.do(func(now time.Time) { c.core.saved(now, t.saving, err) })
	}
	if t.token {
		all.Go(func() {
			within, cancel := context.WithTimeout(ctx, c.core.terms.greet)
			defer cancel()
			value, expires, err := c.o.Token(within, t.fresh)
			c.do(func(now time.Time) { c.core.tokenGot(now, value, expires, err) })
		})
	}
	if t.dial {
		life, sever := context.WithCancel(context.WithoutCancel(ctx))
		c.mu.Lock()
		c.sever, c.conn = sever, nil
		c.mu.Unlock()
		all.Go(func() {
			defer sever()
			c.connect(life, t.serial, c.o.Sockets[t.address])
		})
	}
	if t.ask != nil {
		all.Go(func() { c.ask(ctx, t.ask) })
	}
	c.write(ctx, t.lines)
	return len(t.saving) > 0
}

// cut ends the connection as it is.
func (c *Client) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sever()
	c.conn = nil
}

// connect makes a connection and listens to it until it ends.
func (c *Client) connect(ctx context.Context, serial int, address string) {
	conn, err := c.dial(ctx, address)
	if err != nil {
		c.do(func(now time.Time) { c.core.ended(now, serial, codeBroken, err.Error()) })
		return
	}
	defer func() { _ = conn.CloseNow() }()
	live := false
	c.do(func(now time.Time) {
		if live = c.core.opened(now, serial); live {
			c.conn = conn
		}
	})
	for live {
		kind, data, err := conn.Read(ctx)
		if err != nil {
			code, reason := codeBroken, err.Error()
			if closed := (websocket.CloseError{}); errors.As(err, &closed) {
				code, reason = int(closed.Code), closed.Reason
			}
			c.do(func(now time.Time) { c.core.ended(now, serial, code, reason) })
			return
		}
		if kind == websocket.MessageText {
			c.do(func(now time.Time) { c.core.hear(now, serial, data) })
		}
	}
}

func (c *Client) dial(ctx context.Context, address string) (*websocket.Conn, error) {
	conn, response, err := websocket.Dial(ctx, address, &websocket.DialOptions{HTTPClient: c.http, Subprotocols: []string{protocol}})
	if err != nil {
		if response != nil && response.StatusCode != http.StatusSwitchingProtocols {
			err = fmt.Errorf("answered %d: %w", response.StatusCode, err)
		}
		return nil, fmt.Errorf("opening a socket to %s: %w", address, err)
	}
	conn.SetReadLimit(mostMessage)
	return conn, nil
}

// write writes lines to the connection, several in a message. When that fails
// the connection is cut; what was sent is then sent again.
func (c *Client) write(ctx context.Context, lines [][]byte) {
	c.mu.Lock()
	conn := c.conn
	c.mu.Unlock()
	if conn == nil {
		return
	}
	for len(lines) > 0 {
		n, size := 1, len(lines[0])
		for n < len(lines) && size+1+len(lines[n]) <= mostWritten {
			size += 1 + len(lines[n])
			n++
		}
		within, cancel := context.WithTimeout(ctx, writeWithin)
		err := conn.Write(within, websocket.MessageText, bytes.Join(lines[:n], []byte("\n")))
		cancel()
		if err != nil {
			c.cut()
			return
		}
		lines = lines[n:]
	}
}

// leave says goodbye to the server, if there is a connection.
func (c *Client) leave() {
	c.mu.Lock()
	conn, sever := c.conn, c.sever
	c.mu.Unlock()
	defer sever()
	if conn == nil {
		return
	}
	late := time.AfterFunc(politeFor, sever)
	defer late.Stop()
	_ = conn.Close(websocket.StatusNormalClosure, "")
}

// keep saves what there is at the end.
func (c *Client) keep() {
	c.mu.Lock()
	s := c.core.snapshot()
	c.mu.Unlock()
	if err := c.store.Save(c.o.User, s); err != nil {
		c.do(func(now time.Time) { c.core.saved(now, nil, err) })
	}
}
