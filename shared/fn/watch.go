package fn

import (
	"sync"
	"time"
)

// watchEvery is how late a call may be noticed whose step runs on.
const watchEvery = 100 * time.Millisecond

// watch answers for steps that do not come back. It is one timer for all calls,
// which runs only while there are some: a timer for each would cost more than
// all else that a call costs here but its log line.
type watch struct {
	mu    sync.Mutex
	first *exchange // of those whose step runs, in no order
	armed bool
}

// add watches x from now on, until remove or until it was cut.
func (w *watch) add(x *exchange, until time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	x.until, x.watched = until, true
	if x.next = w.first; x.next != nil {
		x.next.previous = x
	}
	w.first = x
	if !w.armed {
		w.armed = true
		time.AfterFunc(watchEvery, w.look)
	}
}

func (w *watch) remove(x *exchange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop(x)
}

// drop takes x out of the list, if it is there. The lock is held.
func (w *watch) drop(x *exchange) {
	if !x.watched {
		return
	}
	x.watched = false
	if x.previous != nil {
		x.previous.next = x.next
	} else {
		w.first = x.next
	}
	if x.next != nil {
		x.next.previous = x.previous
	}
	x.next, x.previous = nil, nil
}

// look cuts the calls that are late, and comes again while there are others.
func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	for x := w.first; x != nil; {
		next := x.next
		if now.After(x.until) {
			w.drop(x)
			go x.cut()
		}
		x = next
	}
	if w.armed = w.first != nil; w.armed {
		time.AfterFunc(watchEvery, w.look)
	}
}
