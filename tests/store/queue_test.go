package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"bazaar/infra/schema"
	"bazaar/shared/bus"
	"bazaar/shared/fault"
	"bazaar/tests/support"
)

// TestFullQueueRefuses fills the queue: what was acknowledged is there, what was
// refused is not, and room is made by acknowledging.
func TestFullQueueRefuses(t *testing.T) {
	t.Parallel()
	n := support.NATS(t, schema.StreamSettings{QueueMaxBytes: 20 << 10, Replicas: 1})
	b := n.Bus()
	ctx := deadline(t, 60*time.Second)
	var accepted []string
	var refused error
	for i := 0; refused == nil && i < 1000; i++ {
		if refused = b.Publish(ctx, placed(t, fmt.Sprint(i))); refused == nil {
			accepted = append(accepted, fmt.Sprint(i))
		}
	}
	if !fault.Is(refused, "queue_full") || errors.Is(refused, bus.ErrUnknown) || fault.Of(refused).RetryAfter == 0 {
		t.Fatalf("refused with %v", refused)
	}
	if got := ids(stored(t, n, bus.QueueStream)); strings.Join(got, " ") != strings.Join(accepted, " ") {
		t.Errorf("accepted %v, stored %v", accepted, got)
	}
	consumer, err := b.JetStream().Consumer(ctx, bus.QueueStream, bus.QueueConsumer)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := consumer.Next()
	if err != nil {
		t.Fatal(err)
	}
	if err := msg.DoubleAck(ctx); err != nil {
		t.Fatal(err)
	}
	eventually(t, "there is room again", func() bool { return b.Publish(ctx, placed(t, "x")) == nil })
}

// TestPassedFollowsTheAcknowledgements acknowledges out of order, lets a message
// come twice, and makes the consumer anew.
func TestPassedFollowsTheAcknowledgements(t *testing.T) {
	t.Parallel()
	n := support.NATS(t)
	b := n.Bus()
	ctx := deadline(t, 60*time.Second)
	passed := func(seq uint64, want bool) {
		t.Helper()
		// A bus that was not asked before remembers no older answer.
		if got, err := n.Bus().Passed(ctx, seq); err != nil || got != want {
			t.Errorf("passed %d: %t, %v", seq, got, err)
		}
		// One that was comes to the same.
		eventually(t, fmt.Sprintf("passed %d is %t", seq, want), func() bool {
			got, err := b.Passed(ctx, seq)
			return err == nil && got == want
		})
	}
	passed(0, true)
	passed(7, true) // the queue lost it: nothing is left to wait for
	for i := range 4 {
		if err := b.Publish(ctx, placed(t, fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	passed(0, true)
	passed(1, false)
	passed(4, false)
	passed(9, false)
	consumer, err := b.JetStream().Consumer(ctx, bus.QueueStream, bus.QueueConsumer)
	if err != nil {
		t.Fatal(err)
	}
	fetched, err := consumer.Fetch(4)
	if err != nil {
		t.Fatal(err)
	}
	var msgs []jetstream.Msg
	for msg := range fetched.Messages() {
		msgs = append(msgs, msg)
	}
	ack := func(msg jetstream.Msg) {
		t.Helper()
		if err := msg.DoubleAck(ctx); err != nil {
			t.Fatal(err)
		}
	}
	ack(msgs[1]) // 2 before 1
	passed(1, false)
	passed(2, false)
	if err := msgs[0].Nak(); err != nil {
		t.Fatal(err)
	}
	again, err := consumer.Next(jetstream.FetchMaxWait(10 * time.Second))
	if err != nil {
		t.Fatal(err)
	}
	passed(2, false)
	ack(again)
	passed(2, true)
	passed(3, false)
	if err := b.JetStream().DeleteConsumer(ctx, bus.QueueStream, bus.QueueConsumer); err != nil {
		t.Fatal(err)
	}
	if _, err := schema.ApplyStreams(ctx, b.JetStream(), small); err != nil {
		t.Fatal(err)
	}
	passed(2, true)
	passed(3, false)
	consumer, err = b.JetStream().Consumer(ctx, bus.QueueStream, bus.QueueConsumer)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		msg, err := consumer.Next(jetstream.FetchMaxWait(10 * time.Second))
		if err != nil {
			t.Fatal(err)
		}
		ack(msg)
	}
	passed(4, true)
}
