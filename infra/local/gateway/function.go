package gateway

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"bazaar/infra/local/journal"
	"bazaar/infra/local/stack"
)

// Function is a name behind which replicas answer.
type Function struct {
	Spec    *stack.Function
	Journal *journal.Journal
	Created time.Time

	gateway  *Gateway
	calls    atomic.Uint64
	turn     atomic.Uint64
	mu       sync.Mutex // serialises changes of replicas
	replicas atomic.Pointer[[]*Replica]
}

// Add puts a replica behind the function; it gets no calls until it is Up.
func (f *Function) Add(r *Replica) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := append(append([]*Replica{}, f.all()...), r)
	r.function, r.proxy = f, nil
	r.proxy = r.newProxy(f.gateway)
	f.replicas.Store(&all)
}

// Remove takes a replica away. Calls that it has are finished by it.
func (f *Function) Remove(r *Replica) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var rest []*Replica
	for _, other := range f.all() {
		if other != r {
			rest = append(rest, other)
		}
	}
	f.replicas.Store(&rest)
}

// Available counts the replicas that take calls.
func (f *Function) Available() int {
	n := 0
	for _, r := range f.all() {
		if r.up.Load() {
			n++
		}
	}
	return n
}

func (f *Function) all() []*Replica {
	if all := f.replicas.Load(); all != nil {
		return *all
	}
	return nil
}

// pick gives the replica that is up and has the fewest calls in flight; among
// equals they take turns. It is nil when none is up.
func (f *Function) pick() *Replica {
	all := f.all()
	if len(all) == 1 {
		if all[0].up.Load() {
			return all[0]
		}
		return nil
	}
	var best *Replica
	var least int64
	start := int(f.turn.Add(1) % (1 << 30))
	for n := range all {
		r := all[(start+n)%len(all)]
		if !r.up.Load() {
			continue
		}
		if busy := r.busy.Load(); best == nil || busy < least {
			best, least = r, busy
		}
	}
	return best
}

// serve forwards one call. Where no replica is up it is answered as the real
// gateway answers when it reaches nobody: 502 without a body.
func (f *Function) serve(w http.ResponseWriter, r *http.Request) {
	f.calls.Add(1)
	replica := f.pick()
	if replica == nil {
		unreachable(w)
		return
	}
	replica.busy.Add(1)
	defer replica.busy.Add(-1)
	if r.ContentLength != 0 {
		body := &callerBody{from: r.Body}
		defer body.leave(w)
		r.Body = body
	}
	replica.proxy.ServeHTTP(w, r)
}

func unreachable(w http.ResponseWriter) {
	w.Header().Set(internalHeader, "gateway")
	w.WriteHeader(http.StatusBadGateway)
}
