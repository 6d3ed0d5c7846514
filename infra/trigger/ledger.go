package trigger

import (
	"context"
	"slices"
	"sync"
	"time"
)

// doneRemembered is how many finished messages a consumer remembers. The server
// delivers one again when its acknowledgement got lost, mostly around a restart
// of NATS; it is then acknowledged again instead of called again.
const doneRemembered = 4096

// ledger is what one consumer holds and what it has finished with.
type ledger struct {
	mu      sync.Mutex
	held    map[identity]*delivery
	bytes   int
	unsent  []*delivery // done, with an acknowledgement that could not be sent
	done    map[identity]struct{}
	order   []identity // of done, oldest at next once it is full
	next    int
	changed chan struct{}
}

func newLedger() *ledger {
	return &ledger{
		held: map[identity]*delivery{}, done: map[identity]struct{}{}, changed: make(chan struct{}),
	}
}

// take notes a delivery. It is refused when the message is in our hands
// already (its acknowledgement is still to come), and when it is done (it is
// acknowledged again).
func (l *ledger) take(d *delivery) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	id := d.identity()
	if _, ok := l.held[id]; ok {
		return false
	}
	if _, ok := l.done[id]; ok {
		_ = d.msg.Ack()
		return false
	}
	l.held[id] = d
	l.bytes += d.size()
	return true
}

// finish acknowledges a message whose events are all done. A plain Ack is
// enough: one that gets lost makes the server deliver again, which the ledger
// or, after our own restart, the idempotent step takes care of. Waiting for
// the server's word would cost a round trip a message and change neither.
func (l *ledger) finish(d *delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d.msg.Ack() != nil {
		l.unsent = append(l.unsent, d)
	}
	id := d.identity()
	if len(l.order) < doneRemembered {
		l.order = append(l.order, id)
	} else {
		delete(l.done, l.order[l.next])
		l.order[l.next] = id
		l.next = (l.next + 1) % doneRemembered
	}
	l.done[id] = struct{}{}
	l.drop(d)
}

// giveUp hands a message back to the server for somebody else, or for later.
func (l *ledger) giveUp(d *delivery, later time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if later > 0 {
		_ = d.msg.NakWithDelay(min(later, LongestWait))
	} else {
		_ = d.msg.Nak()
	}
	l.drop(d)
}

// drop forgets a held message. The lock is held.
func (l *ledger) drop(d *delivery) {
	if _, ok := l.held[d.identity()]; !ok {
		return
	}
	delete(l.held, d.identity())
	l.bytes -= d.size()
	close(l.changed)
	l.changed = make(chan struct{})
}

// keep tells the server that every held message is being worked on, and again
// what it could not be told when the connection was away.
func (l *ledger) keep() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unsent = slices.DeleteFunc(l.unsent, func(d *delivery) bool {
		return d.msg.Ack() == nil || len(l.unsent) > doneRemembered
	})
	for _, d := range l.held {
		_ = d.msg.InProgress()
	}
}

// room waits until less than limit bytes are held, or fails with ctx.
func (l *ledger) room(ctx context.Context, limit int) error {
	for {
		l.mu.Lock()
		full, changed := l.bytes >= limit, l.changed
		l.mu.Unlock()
		if !full {
			return context.Cause(ctx)
		}
		if err := await(ctx, 0, changed); err != nil {
			return err
		}
	}
}

// count is how many messages are held.
func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.held)
}
