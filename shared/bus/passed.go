package bus

import (
	"context"
	"fmt"
	"time"
)

// passedAge is how old an answer of Passed may be.
const passedAge = 100 * time.Millisecond

// passing remembers how far QUEUE's reader has come.
type passing struct {
	turn  chan struct{} // held by who looks here or asks the server
	at    time.Time     // when the server was asked
	first uint64        // nothing below it was left in the queue
	last  uint64        // nothing above it had been taken
}

// LastSeq is the sequence of the newest message that a stream has taken; 0 when
// it never took one.
func (b *Bus) LastSeq(ctx context.Context, stream string) (uint64, error) {
	state, err := b.state(ctx, stream)
	return state.LastSeq, err
}

// Passed reports whether everything that QUEUE held up to seq has been
// acknowledged by reserve-stock, which acknowledges what PostgreSQL has
// committed. The answer may be 100 ms old, so yes is never too early.
//
// It looks at what is left in the queue, which acknowledging removes, and not at
// the consumer's floor: the floor starts anew with a consumer that was made
// again. A sequence that the queue does not know, since its server lost its
// data, has passed as soon as the queue is empty: waiting longer would bring
// nothing back, and would refuse for ever.
func (b *Bus) Passed(ctx context.Context, seq uint64) (bool, error) {
	called := time.Now()
	select {
	case b.queue.turn <- struct{}{}:
		defer func() { <-b.queue.turn }()
	case <-ctx.Done():
		return false, unavailable(fmt.Errorf("waiting to ask how far the queue is: %w", ctx.Err()))
	}
	if q := &b.queue; called.Sub(q.at) < passedAge && seq <= q.last {
		return seq < q.first, nil
	}
	asked := time.Now()
	state, err := b.state(ctx, QueueStream)
	if err != nil {
		return false, err
	}
	b.queue.at, b.queue.first, b.queue.last = asked, state.FirstSeq, state.LastSeq
	return seq < state.FirstSeq || state.Msgs == 0, nil
}
