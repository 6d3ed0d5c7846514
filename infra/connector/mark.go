package connector

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

const (
	// markEvery is how often a client's read marks are brought on at most.
	markEvery = time.Second
	// markTimeout bounds one.
	markTimeout = 5 * time.Second
	// maxMarks bounds the conversations whose marks wait.
	maxMarks = 512
)

// marks are how far a client has read, where that was not brought on yet.
type marks struct {
	waiting map[string]int64
	running bool // somebody brings them on
}

// mark notes that a client has read up to seq. Only the highest counts.
func (c *client) mark(conversation string, seq int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.marks.waiting == nil {
		c.marks.waiting = map[string]int64{}
	}
	if _, known := c.marks.waiting[conversation]; !known && len(c.marks.waiting) >= maxMarks {
		return // a mark may be lost: the next one says the same
	}
	c.marks.waiting[conversation] = max(c.marks.waiting[conversation], seq)
	if !c.marks.running && !c.ended {
		c.marks.running = true
		c.node.tasks.Go(c.bringMarks)
	}
}

// bringMarks brings on what waits, at most once a second, until nothing does.
func (c *client) bringMarks() {
	timer := time.NewTimer(markEvery)
	defer timer.Stop()
	for {
		waiting, token := c.takeMarks()
		if len(waiting) == 0 {
			return
		}
		for conversation, seq := range c.node.bring(waiting, token) {
			c.putBack(conversation, seq)
		}
		timer.Reset(markEvery)
		select {
		case <-timer.C:
		case <-c.node.draining: // what is left is brought on at the end
			c.mu.Lock()
			c.marks.running = false
			c.mu.Unlock()
			return
		}
	}
}

// takeMarks gives what waits; none when the client has ended, or nothing does:
// then nobody brings marks any more.
func (c *client) takeMarks() (waiting map[string]int64, token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended || len(c.marks.waiting) == 0 {
		c.marks.running = false
		return nil, ""
	}
	waiting, c.marks.waiting = c.marks.waiting, nil
	return waiting, c.bearer.token
}

func (c *client) putBack(conversation string, seq int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.marks.waiting == nil {
		c.marks.waiting = map[string]int64{}
	}
	c.marks.waiting[conversation] = max(c.marks.waiting[conversation], seq)
}

// flushMarks brings on what waits when a client has ended: once.
func (c *client) flushMarks() {
	c.mu.Lock()
	waiting, token := c.marks.waiting, c.bearer.token
	c.marks.waiting = nil
	c.mu.Unlock()
	c.node.bring(waiting, token)
}

// bring brings marks to sync-messages and gives those to be tried again.
func (n *Connector) bring(marks map[string]int64, token string) (again map[string]int64) {
	if len(marks) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), markTimeout)
	defer cancel()
	for conversation, seq := range marks {
		body := strconv.AppendInt([]byte(`{"seq":`), seq, 10)
		a, err := n.gateway.call(ctx, token, "/function/sync-messages/"+conversation+"/read", append(body, '}'))
		if err == nil && (a.status == http.StatusNoContent || a.status == http.StatusOK) {
			continue
		}
		if a.kind().Known() && !a.refusal(err).retryable {
			continue // not a member, or no such conversation: it will not become one
		}
		if again == nil {
			again = map[string]int64{}
		}
		again[conversation] = seq
	}
	return again
}
