package socket

import (
	"container/list"
	"net"
	"sync"
)

// lobby holds the connections whose handshake has not ended, the oldest first.
type lobby struct {
	most int

	mu     sync.Mutex
	guests list.List
}

type guest struct {
	conn    *net.TCPConn
	place   *list.Element
	crowded bool // made to give way
}

// enter takes one more. When the lobby is full the oldest gives way: whoever
// means it has been quick.
func (l *lobby) enter(c *net.TCPConn) *guest {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.guests.Len() >= l.most {
		l.evict()
	}
	g := &guest{conn: c}
	g.place = l.guests.PushBack(g)
	return g
}

// leave reports whether g was made to give way before.
func (l *lobby) leave(g *guest) (crowded bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !g.crowded {
		l.guests.Remove(g.place)
	}
	return g.crowded
}

// clear makes all of them give way.
func (l *lobby) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.guests.Len() > 0 {
		l.evict()
	}
}

func (l *lobby) evict() {
	g, _ := l.guests.Remove(l.guests.Front()).(*guest)
	g.crowded = true
	_ = g.conn.Close()
}

// census counts the sockets that are open.
type census struct {
	mu   sync.Mutex
	n    int
	none chan struct{} // closed when there is none; nil unless somebody waits
}

// enter counts one more, unless there are most already.
func (c *census) enter(most int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n >= most {
		return false
	}
	c.n++
	return true
}

func (c *census) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n--; c.n == 0 && c.none != nil {
		close(c.none)
		c.none = nil
	}
}

func (c *census) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// empty is closed when there is none.
func (c *census) empty() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == 0 {
		now := make(chan struct{})
		close(now)
		return now
	}
	if c.none == nil {
		c.none = make(chan struct{})
	}
	return c.none
}
