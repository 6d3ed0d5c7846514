package socket

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
)

// Budget is the memory that all sockets together may keep for peers: what waits
// to be written and messages that are half received. Where it is used up, those
// who hold the most are cut off, not those who come next.
//
// A frame that waits for many peers counts for each of them, though its memory
// is shared. The bound may be passed for a moment by what is offered at the same
// time.
type Budget struct {
	most int64
	used atomic.Int64
	busy sync.Mutex // held by who relieves

	mu      sync.Mutex
	holders map[*Socket]struct{}
}

// NewBudget is a budget of so many bytes.
func NewBudget(bytes int64) *Budget {
	return &Budget{most: bytes, holders: map[*Socket]struct{}{}}
}

// Used is how many bytes are kept now.
func (b *Budget) Used() int64 { return b.used.Load() }

// move notes that a socket holds more or less, and reports whether all hold too
// much.
func (b *Budget) move(s *Socket, delta int) (over bool) {
	if delta == 0 {
		return false
	}
	after := s.held.Add(int64(delta))
	if used := b.used.Add(int64(delta)); used > b.most {
		over = delta > 0
	}
	if after == 0 || after == int64(delta) {
		// Its reader and its writers move at once: whoever comes last here sees
		// what is true.
		b.mu.Lock()
		if s.held.Load() > 0 {
			b.holders[s] = struct{}{}
		} else {
			delete(b.holders, s)
		}
		b.mu.Unlock()
	}
	return over
}

// relieve cuts off those who hold the most until a sixteenth is free again, so
// that it is not called for every frame.
func (b *Budget) relieve() {
	if !b.busy.TryLock() {
		return // somebody does
	}
	defer b.busy.Unlock()
	excess := b.used.Load() - (b.most - b.most/16)
	if excess <= b.most/16 { // relieved meanwhile
		return
	}
	for _, h := range b.heaviest() {
		if excess <= 0 {
			return
		}
		h.socket.evict()
		excess -= h.bytes
	}
}

type holder struct {
	socket *Socket
	bytes  int64
}

// heaviest gives who holds something, the most first.
func (b *Budget) heaviest() []holder {
	b.mu.Lock()
	all := make([]holder, 0, len(b.holders))
	for s := range b.holders {
		all = append(all, holder{s, s.held.Load()})
	}
	b.mu.Unlock()
	slices.SortFunc(all, func(a, b holder) int { return cmp.Compare(b.bytes, a.bytes) })
	return all
}
