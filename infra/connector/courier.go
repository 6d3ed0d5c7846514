package connector

import (
	"sync"
	"time"
)

const (
	// maxBatch and maxBatchBytes bound what goes as one call: push-message takes as
	// many letters, and twice the bytes. One letter goes whatever its size.
	maxBatch      = 64
	maxBatchBytes = 256 << 10
	// A call costs as much as several messages: another one runs beside the first
	// only when enough gathers for it, or something has waited for so long.
	enough  = 32
	tooLong = 15 * time.Millisecond
)

// courier brings the letters of all clients to push-message with few calls. While
// one is under way what comes gathers, and goes as one. Others help when that one
// is slow, or cannot keep up.
type courier struct {
	carry func([]letter) // returns when they are answered
	tasks *sync.WaitGroup

	mu      sync.Mutex
	waiting []letter
	running int
	alarm   *time.Timer // rings when something has waited for too long; nil: nothing waits
}

func (c *courier) add(l letter) {
	l.since = time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(c.waiting, l)
	c.start()
}

// start has another call made if it is worth one. The lock is held. Where
// something waits a call is under way: tasks are not over.
func (c *courier) start() {
	if len(c.waiting) == 0 {
		return
	}
	if left := tooLong - time.Since(c.waiting[0].since); c.running > 0 && left > 0 && len(c.waiting) < enough {
		c.ring(left)
		return
	}
	batch := c.take()
	c.running++
	c.tasks.Go(func() { c.work(batch) })
}

// ring has start look again after a while. The lock is held.
func (c *courier) ring(after time.Duration) {
	if c.alarm != nil {
		return
	}
	c.alarm = time.AfterFunc(after, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.alarm = nil
		c.start()
	})
}

// work carries a batch, and what has gathered meanwhile, until nothing is left.
func (c *courier) work(batch []letter) {
	for len(batch) > 0 {
		c.carry(batch)
		c.mu.Lock()
		if batch = c.take(); len(batch) == 0 {
			c.running--
		}
		c.mu.Unlock()
	}
}

// take gives the oldest letters. The lock is held.
func (c *courier) take() []letter {
	n, size := 0, 0
	for n < len(c.waiting) && n < maxBatch {
		if size += c.waiting[n].size(); n > 0 && size > maxBatchBytes {
			break
		}
		n++
	}
	batch := c.waiting[:n:n]
	if c.waiting = c.waiting[n:]; len(c.waiting) == 0 {
		c.waiting = nil // what was taken is not kept
	}
	return batch
}
