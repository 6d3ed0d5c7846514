package trigger

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// heldBytes bounds what one consumer holds in memory, whatever MaxAckPending
// would let it have.
const heldBytes = 64 << 20

// busyWaits is how many times longer a call gathers while another call of its
// function runs: it would share the machine and the disk with that one, and two
// calls of half the events cost more than one.
const busyWaits = 4

// consumer feeds one function from one stream. Several triggers share the
// durable consumer behind it: the server gives each message to one of them.
type consumer struct {
	function *function
	stream   string
	urgent   bool // goes first when the function's places are taken
	cron     bool // its messages are ticks, not batches of events

	js       jetstream.JetStream
	caller   *caller
	settings Settings
	log      *slog.Logger
	metrics  *metrics

	handle   atomic.Pointer[jetstream.Consumer] // as last seen by the poll
	breaker  *breaker
	ledger   *ledger
	jobs     sync.WaitGroup
	last     chan struct{}  // closed when nothing more is fetched
	unwanted map[string]int // filter subject -> polls in a row without it; the poll's alone
}

// run fetches until ctx ends, and returns when every call it began has ended
// and every message is acknowledged or given back. calls bounds the calls.
func (c *consumer) run(ctx, calls context.Context) {
	stop := make(chan struct{})
	var keeping sync.WaitGroup
	keeping.Go(func() { c.keepAlive(stop) })
	for ctx.Err() == nil {
		c.turn(ctx, calls)
	}
	close(c.last)
	c.jobs.Wait()
	close(stop)
	keeping.Wait()
}

// turn makes one job. The first message is fetched before the place is taken:
// else a consumer that has nothing to do would keep a place from one that has.
// So each holds one message that waits, and urgency decides whose goes.
func (c *consumer) turn(ctx, calls context.Context) {
	held := func() bool { return c.ledger.count() > 0 }
	if c.breaker.fetch(ctx, held) != nil || c.ledger.room(ctx, heldBytes) != nil {
		return
	}
	head := c.fetch(ctx, 1, c.settings.FetchWait)
	if len(head) == 0 {
		return
	}
	if c.function.gate.enter(ctx, c.urgent) != nil {
		c.giveUp(head, 0)
		return
	}
	j := &job{consumer: c, placed: true}
	j.queue = j.plan(c.gather(ctx, head))
	c.jobs.Go(func() { j.run(ctx, calls) })
}

// keepAlive tells the server at a third of its patience that what is held is
// being worked on.
func (c *consumer) keepAlive(stop <-chan struct{}) {
	ticker := time.NewTicker(c.settings.AckWait / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			c.ledger.keep()
		case <-stop:
			return
		}
	}
}

// fetch asks for up to n messages and waits up to wait for them; zero asks for
// what is there. It is not cut short when ctx ends: a message that is on its
// way to nobody would come again only after AckWait.
func (c *consumer) fetch(ctx context.Context, n int, wait time.Duration) []*delivery {
	handle := *c.handle.Load()
	var (
		got jetstream.MessageBatch
		err error
	)
	if wait > 0 {
		got, err = handle.Fetch(n, jetstream.FetchMaxWait(wait))
	} else {
		got, err = handle.FetchNoWait(n)
	}
	if err != nil {
		c.fetchFailed(ctx, err)
		return nil
	}
	var taken []*delivery
	for msg := range got.Messages() {
		d, err := newDelivery(msg)
		if err != nil {
			c.log.Error("a message without metadata", "error", err.Error())
			continue
		}
		if !c.ledger.take(d) {
			continue
		}
		if c.cron {
			d.tick(c.function.name)
		} else {
			d.unpack(c.function.binding.Load().Attempts)
		}
		taken = append(taken, d)
	}
	if err := got.Error(); err != nil && len(taken) == 0 {
		c.fetchFailed(ctx, err)
	}
	return taken
}

// fetchFailed waits before the next try: NATS is away, or the consumer was
// deleted and the poll will make it anew.
func (c *consumer) fetchFailed(ctx context.Context, err error) {
	c.log.Debug("fetching failed", "error", err.Error())
	_ = await(ctx, firstPause, nil)
}

// gather adds messages to the first one until the call is full or has waited
// long enough. How many messages make it full is a guess from those so far,
// since a message may hold many events; what is too much goes into a second call.
func (c *consumer) gather(ctx context.Context, load []*delivery) []*delivery {
	b := c.function.binding.Load()
	if c.cron || b.Batch == 1 {
		return load
	}
	patience := b.BatchWait
	if c.function.gate.busy() {
		patience *= busyWaits
	}
	deadline := time.Now().Add(patience)
	events, size := weigh(load)
	for wait := patience; events < b.Batch && size < b.BatchBytes && ctx.Err() == nil; {
		per := max(1, events/len(load))
		each := max(1, size/len(load))
		want := min((b.Batch-events+per-1)/per, (b.BatchBytes-size+each-1)/each)
		more := c.fetch(ctx, want, wait)
		load = append(load, more...)
		events, size = weigh(load)
		if wait = time.Until(deadline); wait < time.Millisecond {
			if len(more) < want {
				break
			}
			wait = 0 // there is plenty
		}
	}
	return load
}

// weigh is the number of events and bytes of messages.
func weigh(load []*delivery) (events, size int) {
	for _, d := range load {
		events += len(d.items)
		size += d.size()
	}
	return events, size
}

// giveUp hands messages back to the server.
func (c *consumer) giveUp(load []*delivery, later time.Duration) {
	for _, d := range load {
		c.ledger.giveUp(d, later)
	}
}
