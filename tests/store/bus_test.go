package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"bazaar/infra/schema"
	"bazaar/shared/bus"
	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/tests/support"
)

// TestBusLeavesNothingBehind runs by itself, before the parallel tests.
func TestBusLeavesNothingBehind(t *testing.T) {
	n := support.NATS(t)
	ignored := goleak.IgnoreCurrent()
	b, err := bus.Open(n.Settings(), "test", nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx := deadline(t, 20*time.Second)
	if err := b.Publish(ctx, placed(t, "1")); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if err := b.Publish(ctx, placed(t, "2")); fault.KindOf(err) != fault.Unavailable || errors.Is(err, bus.ErrUnknown) {
		t.Errorf("after Close: %v", err)
	}
	n.Stop() // its side of the connection has goroutines too
	goleak.VerifyNone(t, ignored)
}

func TestBusOpensWithoutAServer(t *testing.T) {
	t.Parallel()
	b := openBus(t, bus.Settings{URL: "nats://127.0.0.1:1", User: "bazaar", Password: "x"})
	if err := b.Publish(deadline(t, 10*time.Second), placed(t, "1")); fault.KindOf(err) != fault.Unavailable || errors.Is(err, bus.ErrUnknown) {
		t.Errorf("published: %v", err)
	}
}

func TestNothingIsBufferedWhileNATSIsAway(t *testing.T) {
	t.Parallel()
	n := support.NATS(t)
	b := n.Bus()
	ctx := deadline(t, 60*time.Second)
	if err := b.Publish(ctx, placed(t, "1")); err != nil {
		t.Fatal(err)
	}
	n.Stop()
	eventually(t, "the bus knows", func() bool { return b.Check(ctx) != nil })
	began := time.Now()
	err := b.Publish(ctx, placed(t, "2"))
	if fault.KindOf(err) != fault.Unavailable || errors.Is(err, bus.ErrUnknown) || time.Since(began) > time.Second {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
	if _, err := b.Passed(ctx, 1); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("passed: %v", err)
	}
	n.Start()
	eventually(t, "it is back", func() bool { return b.Publish(ctx, placed(t, "3")) == nil })
	if got := ids(stored(t, n, bus.QueueStream)); strings.Join(got, " ") != "1 3" {
		t.Errorf("stored %v", got)
	}
}

func TestMissingAndOldStreamsAreNamed(t *testing.T) {
	t.Parallel()
	n := support.NewNATS(t, nil)
	b := n.Bus()
	ctx := deadline(t, 20*time.Second)
	says := func(err error, words ...string) {
		t.Helper()
		for _, word := range append(words, "run migrate") {
			if fault.KindOf(err) != fault.Unavailable || errors.Is(err, bus.ErrUnknown) || !strings.Contains(err.Error(), word) {
				t.Errorf("%v: lacks %s", err, word)
			}
		}
	}
	says(b.Publish(ctx, placed(t, "1")), "order.placed")
	_, err := b.LastSeq(ctx, bus.QueueStream)
	says(err, "QUEUE")
	old := jetstream.StreamConfig{Name: bus.OrdersStream, Subjects: []string{"order.reserved"}, Storage: jetstream.FileStorage}
	if _, err := n.JetStream().CreateStream(ctx, old); err != nil {
		t.Fatal(err)
	}
	says(b.Publish(ctx, reserved(t, "1")), "ORDERS", "version 0")
	if _, err := schema.ApplyStreams(ctx, n.JetStream(), small); err != nil {
		t.Fatal(err)
	}
	for i, err := range b.PublishAll(ctx, []event.Event{placed(t, "2"), reserved(t, "2")}) {
		if err != nil {
			t.Errorf("event %d after migrate: %v", i, err)
		}
	}
	if err := n.JetStream().DeleteStream(ctx, bus.OrdersStream); err != nil {
		t.Fatal(err)
	}
	if err := b.Publish(ctx, reserved(t, "3")); fault.KindOf(err) != fault.Unavailable || errors.Is(err, bus.ErrUnknown) {
		t.Errorf("after the stream was deleted: %v", err)
	}
	says(b.Publish(ctx, reserved(t, "4")), "order.reserved")
}

// TestLostConnectionIsTriedOnceMore kills the server under callers: every event
// that was acknowledged is there, and the kill is not seen by most.
func TestLostConnectionIsTriedOnceMore(t *testing.T) {
	t.Parallel()
	server := startNATS(t, nil)
	b := openBus(t, bus.Settings{URL: server.URL(), User: "bazaar", Password: "pw"})
	ctx := deadline(t, 90*time.Second)
	if _, err := schema.ApplyStreams(ctx, b.JetStream(), schema.StreamSettings{QueueMaxBytes: 64 << 20, Replicas: 1}); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	accepted := map[string]bool{}
	stop := make(chan struct{})
	var callers sync.WaitGroup
	for c := range 8 {
		callers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				id := fmt.Sprintf("%d-%d", c, i)
				if b.Publish(ctx, placed(t, id)) == nil {
					mu.Lock()
					accepted[id] = true
					mu.Unlock()
				}
			}
		})
	}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(accepted)
	}
	for range 3 {
		before := count()
		eventually(t, "events flow", func() bool { return count() > before+50 })
		server.Kill()
		if err := server.Start(ctx); err != nil {
			t.Fatal(err)
		}
	}
	before := count()
	eventually(t, "events flow again", func() bool { return count() > before+50 })
	close(stop)
	callers.Wait()
	found := map[string]bool{}
	s, err := b.JetStream().Stream(ctx, bus.QueueStream)
	if err != nil {
		t.Fatal(err)
	}
	for seq := uint64(1); seq <= s.CachedInfo().State.LastSeq; seq++ {
		msg, err := s.GetMsg(ctx, seq)
		if err != nil {
			t.Fatal(err)
		}
		batch, err := event.DecodeBatch(msg.Data)
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range batch {
			found[ev.ID] = true
		}
	}
	for id := range accepted {
		if !found[id] {
			t.Errorf("the event %s was acknowledged and is not there", id)
		}
	}
}

// TestSilentServerLeavesTheOutcomeUnknown stops the server's process under a publish.
func TestSilentServerLeavesTheOutcomeUnknown(t *testing.T) {
	t.Parallel()
	server := startNATS(t, nil)
	b := openBus(t, bus.Settings{URL: server.URL(), User: "bazaar", Password: "pw"})
	ctx := deadline(t, 90*time.Second)
	if _, err := schema.ApplyStreams(ctx, b.JetStream(), small); err != nil {
		t.Fatal(err)
	}
	if err := b.Publish(ctx, placed(t, "1")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(server.Pid(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	first := make(chan error, 1)
	go func() { first <- b.Publish(short, placed(t, "2")) }()
	if err := <-first; !errors.Is(err, bus.ErrUnknown) || fault.KindOf(err) != fault.Unavailable {
		t.Errorf("in flight: %v", err)
	}
	if err := b.Publish(short, placed(t, "3")); err == nil || errors.Is(err, bus.ErrUnknown) {
		t.Errorf("behind it: %v", err)
	}
	if err := syscall.Kill(server.Pid(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it goes on", func() bool { return b.Publish(ctx, placed(t, "4")) == nil })
	state, err := b.LastSeq(ctx, bus.QueueStream)
	if err != nil || state < 3 {
		t.Errorf("last %d, %v: the event in flight was stored after all", state, err)
	}
}
