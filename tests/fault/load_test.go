package fault_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"bazaar/tests/support"
)

// load is what buyers do: they come at random moments, whatever happens to those
// before them. The same seed sends the same requests at the same moments.
type load struct {
	house  *house
	seed   uint64
	rate   float64       // arrivals a second
	length time.Duration // how long they come
	skus   []string
	buyers []person
	paying float64 // the part of them that want to pay
}

// newLoad prepares products, some of which sell out, and buyers.
func newLoad(t *testing.T, h *house, seed uint64, rate float64, length time.Duration) *load {
	t.Helper()
	l := &load{house: h, seed: seed, rate: rate, length: length, paying: 0.15}
	orders := int(rate * length.Seconds())
	for i := range 6 {
		units := 10 * orders
		if i%3 == 2 {
			units = 1 + orders/10
		}
		l.skus = append(l.skus, h.product(t, units))
	}
	run := uuid.NewString()[:8]
	for i := range 20 {
		l.buyers = append(l.buyers, h.as(t, fmt.Sprintf("fault-%s-%02d", run, i)))
	}
	return l
}

// run sends the load and returns when every request has its answer, or none.
func (l *load) run(ctx context.Context) []*record {
	random := rand.New(rand.NewPCG(l.seed, 1))
	var records []*record
	var all sync.WaitGroup
	over := time.Now().Add(l.length)
	for next := time.Now(); next.Before(over) && ctx.Err() == nil; {
		support.Pause(ctx, time.Until(next))
		next = next.Add(time.Duration(random.ExpFloat64() / l.rate * float64(time.Second)))
		choice, old := random.Float64(), 0
		if len(records) > 0 {
			old = random.IntN(len(records))
		}
		switch {
		case choice < 0.10 && len(records) > 0: // somebody tries again
			r := records[old]
			all.Go(func() { r.ask(0) })
		case choice < 0.15 && len(records) > 0: // somebody uses a key for something else
			r := records[old]
			all.Go(func() { r.ask(1) })
		default:
			r := l.order(random)
			records = append(records, r)
			all.Go(func() {
				if r.ask(0).Status == http.StatusAccepted && r.wanted {
					l.pay(ctx, r)
				}
			})
		}
	}
	all.Wait()
	return records
}

// order is a new key with one to three lines.
func (l *load) order(random *rand.Rand) *record {
	var key [16]byte
	for i := range key {
		key[i] = byte(random.Uint32())
	}
	r := &record{owner: l.buyers[random.IntN(len(l.buyers))], key: fmt.Sprintf("%x-%x", l.seed, key), wanted: random.Float64() < l.paying}
	first, n := random.IntN(len(l.skus)), 1+random.IntN(3)
	for i := range n {
		r.lines[0] = append(r.lines[0], line{l.skus[(first+i)%len(l.skus)], 1 + random.IntN(2)})
		r.lines[1] = append(r.lines[1], line{l.skus[(first+i)%len(l.skus)], 5})
	}
	return r
}

// pay waits for the stock of an order and pays it, a few times if it has to. A
// buyer who does not succeed gives up, and may have paid.
func (l *load) pay(ctx context.Context, r *record) {
	id, _ := r.accepted()
	for try := 0; try < 20 && ctx.Err() == nil; try++ {
		a := r.owner.call("GET", "manage-order/"+id, "", nil)
		switch status := a.view().Status; {
		case a.Status == http.StatusOK && status == "rejected":
			return
		case a.Status == http.StatusOK && status == "reserved" && r.owner.pay(id, "pay-"+r.key):
			return
		}
		support.Pause(ctx, time.Duration(50+try*50)*time.Millisecond)
	}
}
