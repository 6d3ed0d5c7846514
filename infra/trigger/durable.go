package trigger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"bazaar/shared/bus"
)

// Bounds of MaxAckPending: enough for full calls in every place, twice.
const (
	leastAckPending = 1000
	mostAckPending  = 65_536
)

func (t *Trigger) newConsumer(f *function, stream string) *consumer {
	return &consumer{
		function: f, stream: stream, urgent: stream == bus.PaymentsStream, cron: stream == bus.CronStream,
		js: t.js, caller: t.caller, settings: t.settings, metrics: t.metrics,
		log:     t.log.With("function", f.name, "stream", stream),
		breaker: newBreaker(), ledger: newLedger(), unwanted: map[string]int{}, last: make(chan struct{}),
	}
}

// ensure makes the durable consumer read at least these subjects, and measures it.
//
// A subject is added at once and taken away only after polls in a row agree:
// a trigger with an older list must not narrow what one with a newer list has
// just widened, since what passes a narrow consumer never comes again. A subject
// that is added starts where the consumer stands, not at the stream's beginning.
func (c *consumer) ensure(ctx context.Context, subjects []string, b *Binding) error {
	handle, err := c.js.Consumer(ctx, c.stream, c.function.name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		handle, err = c.js.CreateConsumer(ctx, c.stream, jetstream.ConsumerConfig{
			Durable:        c.function.name,
			FilterSubjects: subjects,
			DeliverPolicy:  jetstream.DeliverAllPolicy,
			AckPolicy:      jetstream.AckExplicitPolicy,
			AckWait:        c.settings.AckWait,
			MaxDeliver:     -1, // we count
			MaxAckPending:  ackPending(b),
		})
	}
	if err != nil {
		return fmt.Errorf("finding the consumer %s of %s: %w", c.function.name, c.stream, err)
	}
	info := handle.CachedInfo()
	want := info.Config
	want.MaxAckPending = max(want.MaxAckPending, ackPending(b))
	want.FilterSubject, want.FilterSubjects = "", c.filter(filterOf(info.Config), subjects)
	if want.MaxAckPending != info.Config.MaxAckPending || !slices.Equal(want.FilterSubjects, filterOf(info.Config)) {
		if handle, err = c.js.UpdateConsumer(ctx, c.stream, want); err != nil {
			return fmt.Errorf("updating the consumer %s of %s: %w", c.function.name, c.stream, err)
		}
		c.log.Info("consumer updated", "topics", want.FilterSubjects)
	}
	c.handle.Store(&handle)
	return c.measure(ctx, handle.CachedInfo(), subjects)
}

func ackPending(b *Binding) int {
	return min(max(2*b.Batch*b.MaxInflight, leastAckPending), mostAckPending)
}

// filterOf is the subjects that a consumer reads; nil is all.
func filterOf(c jetstream.ConsumerConfig) []string {
	if c.FilterSubject != "" {
		return []string{c.FilterSubject}
	}
	return c.FilterSubjects
}

// filter is what a consumer that reads have should read when subjects are
// wanted. One that reads everything (QUEUE's) is left as it is.
func (c *consumer) filter(have, subjects []string) []string {
	if len(have) == 0 {
		return have
	}
	filter := make([]string, 0, len(have))
	for _, subject := range have {
		if slices.Contains(subjects, subject) {
			delete(c.unwanted, subject)
		} else if c.unwanted[subject]++; c.unwanted[subject] >= confirm {
			continue
		}
		filter = append(filter, subject)
	}
	for _, subject := range subjects {
		if !slices.Contains(filter, subject) {
			filter = append(filter, subject)
		}
	}
	return filter
}

// measure notes how far behind the consumer is.
func (c *consumer) measure(ctx context.Context, info *jetstream.ConsumerInfo, subjects []string) error {
	labels := []string{c.function.name, c.stream}
	c.metrics.pending.WithLabelValues(labels...).Set(float64(info.NumPending))
	c.metrics.unacked.WithLabelValues(labels...).Set(float64(info.NumAckPending))
	var lag time.Duration
	if info.NumPending > 0 || info.NumAckPending > 0 {
		oldest, err := c.oldest(ctx, info.AckFloor.Stream+1, subjects)
		if err != nil {
			return err
		}
		if !oldest.IsZero() {
			lag = max(0, info.TimeStamp.Sub(oldest))
		}
	}
	c.metrics.lag.WithLabelValues(labels...).Set(lag.Seconds())
	return nil
}

// oldest is when the first message from this sequence on was stored.
func (c *consumer) oldest(ctx context.Context, from uint64, subjects []string) (time.Time, error) {
	stream, err := c.js.Stream(ctx, c.stream)
	if err != nil {
		return time.Time{}, fmt.Errorf("finding the stream %s: %w", c.stream, err)
	}
	var oldest time.Time
	for _, subject := range subjects {
		msg, err := stream.GetMsg(ctx, from, jetstream.WithGetMsgSubject(subject))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return time.Time{}, fmt.Errorf("reading the oldest message of %s: %w", c.stream, err)
		}
		if oldest.IsZero() || msg.Time.Before(oldest) {
			oldest = msg.Time
		}
	}
	return oldest, nil
}

func (c *consumer) measurePause() {
	c.metrics.open.WithLabelValues(c.function.name, c.stream).Set(number(c.breaker.open()))
}
