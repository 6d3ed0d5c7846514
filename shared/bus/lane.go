package bus

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
)

const (
	// maxMessageBytes bounds the message that a group becomes: half of what NATS
	// takes by default, so that a dead letter of it with its reasons still fits.
	maxMessageBytes = 512 << 10
	// maxMessageEvents bounds it too: what a consumer gets in one piece.
	maxMessageEvents = 1024
	// maxWaitingBytes bounds what may gather behind a slow server.
	maxWaitingBytes = 32 << 20
)

// lane is the group commit of one subject: while one message is in flight, the
// next events gather and go as one. An event's outcome is its message's.
type lane struct {
	send func(body []byte, events int, wanted func() bool) error

	mu      sync.Mutex
	waiting []*item
	bytes   int // of waiting
	running bool
}

// item is one event on its way.
type item struct {
	body    []byte // the event's JSON
	outcome chan error

	// Guarded by the lane's mu.
	taken bool // in a message; before that it can be withdrawn
	gone  bool // its caller does not wait any more
}

// errNoRoom is met when too much waits.
var errNoRoom = errors.New("too many events wait to be published")

// add queues items in their order, all or none, and reports whether the caller
// must start run.
func (l *lane) add(items []*item) (start bool, err error) {
	size := 0
	for _, it := range items {
		size += len(it.body)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bytes > 0 && l.bytes+size > maxWaitingBytes {
		return false, errNoRoom
	}
	l.waiting = append(l.waiting, items...)
	l.bytes += size
	start = !l.running
	l.running = true
	return start, nil
}

// run publishes until nothing waits.
func (l *lane) run() {
	for {
		// Whoever can run now may have an event too: without this the first to
		// come would mostly go alone.
		runtime.Gosched()
		group := l.take()
		if group == nil {
			return
		}
		err := l.send(join(group), len(group), func() bool { return l.wanted(group) })
		for _, it := range group {
			it.outcome <- err // buffered: it never waits for a caller that left
		}
	}
}

// take is the next group: what waits, within the bounds. With nothing left the
// lane stops running.
func (l *lane) take() []*item {
	l.mu.Lock()
	defer l.mu.Unlock()
	var group []*item
	size, seen := 2, 0
	for _, it := range l.waiting {
		if !it.gone {
			if len(group) == maxMessageEvents || len(group) > 0 && size+len(it.body)+1 > maxMessageBytes {
				break
			}
			it.taken = true
			group = append(group, it)
			size += len(it.body) + 1
		}
		l.bytes -= len(it.body)
		seen++
	}
	clear(l.waiting[:seen])
	l.waiting = l.waiting[seen:]
	if len(l.waiting) == 0 {
		l.waiting = nil
	}
	l.running = group != nil
	return group
}

// wanted reports whether anyone still waits for the group's outcome.
func (l *lane) wanted(group []*item) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, it := range group {
		if !it.gone {
			return true
		}
	}
	return false
}

// wait gives an item's outcome. When ctx ends first an item that is in no
// message yet is withdrawn, certainly not stored; the outcome of another is unknown.
func (l *lane) wait(ctx context.Context, it *item) error {
	select {
	case err := <-it.outcome:
		return err
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	it.gone = true
	select {
	case err := <-it.outcome: // it came at the same time
		return err
	default:
	}
	if it.taken {
		return unknown(fmt.Errorf("waiting for the server's answer: %w", ctx.Err()))
	}
	return unavailable(fmt.Errorf("waiting for the message before: %w", ctx.Err()))
}

// join makes a CloudEvents batch of events that are encoded already.
func join(group []*item) []byte {
	size := 1 + len(group)
	for _, it := range group {
		size += len(it.body)
	}
	body := make([]byte, 0, size)
	for i, it := range group {
		if i == 0 {
			body = append(body, '[')
		} else {
			body = append(body, ',')
		}
		body = append(body, it.body...)
	}
	return append(body, ']')
}
