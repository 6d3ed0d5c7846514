package store_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"bazaar/infra/schema"
	"bazaar/shared/bus"
	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/telemetry"
	"bazaar/tests/support"
)

func placed(t testing.TB, id string) event.Event {
	t.Helper()
	ev, err := event.New("order.placed", id, id, map[string]string{"order_id": id})
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

func deadline(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

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

// TestPublishedIsStored has many callers, whose events must all be stored once,
// each caller's in its order, in fewer messages than events.
func TestPublishedIsStored(t *testing.T) {
	t.Parallel()
	n := support.NATS(t)
	tel, err := telemetry.Start(context.Background(), "test", telemetry.Settings{}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	b := n.BusWith(tel)
	ctx := deadline(t, 60*time.Second)
	const callers, each = 32, 30
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			for i := range each {
				if err := b.Publish(ctx, placed(t, fmt.Sprintf("%d-%d", c, i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	next := map[int]int{}
	events := stored(t, n, bus.QueueStream)
	for _, ev := range events {
		var c, i int
		if _, err := fmt.Sscanf(ev.ID, "%d-%d", &c, &i); err != nil {
			t.Fatal(err)
		}
		if i != next[c] {
			t.Fatalf("caller %d: event %d came when %d was next", c, i, next[c])
		}
		next[c]++
	}
	last, err := b.LastSeq(ctx, bus.QueueStream)
	if err != nil || len(events) != callers*each || last >= uint64(len(events)) {
		t.Errorf("%d events in %d messages, %v", len(events), last, err)
	}
	if got := gauge(t, tel.Metrics, "bazaar_bus_events_total"); got != callers*each {
		t.Errorf("%v events counted", got)
	}
}

func TestPublishAllKeepsTheOrderAndTheTrace(t *testing.T) {
	t.Parallel()
	n := support.NATS(t)
	b := n.Bus()
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	ctx := telemetry.WithTraceParent(deadline(t, 20*time.Second), parent)
	own := reserved(t, "own trace")
	own.TraceParent = "00-11111111111111111111111111111111-2222222222222222-01"
	var events []event.Event
	var want []string
	for i := range 200 {
		events = append(events, reserved(t, fmt.Sprint(i)))
		want = append(want, fmt.Sprint(i))
	}
	wrong := placed(t, "")
	events, want = append(events, wrong, own), append(want, "own trace")
	for i, err := range b.PublishAll(ctx, events) {
		if (err != nil) != (i == 200) {
			t.Errorf("event %d: %v", i, err)
		}
	}
	got := stored(t, n, bus.OrdersStream)
	if strings.Join(ids(got), " ") != strings.Join(want, " ") {
		t.Errorf("stored %v", ids(got))
	}
	if got[0].TraceParent != parent || got[200].TraceParent != own.TraceParent {
		t.Errorf("traces %q and %q", got[0].TraceParent, got[200].TraceParent)
	}
}

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

func TestBusOpensWithoutAServer(t *testing.T) {
	t.Parallel()
	b := openBus(t, bus.Settings{URL: "nats://127.0.0.1:1", User: "bazaar", Password: "x"})
	if err := b.Publish(deadline(t, 10*time.Second), placed(t, "1")); fault.KindOf(err) != fault.Unavailable || errors.Is(err, bus.ErrUnknown) {
		t.Errorf("published: %v", err)
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

// BenchmarkPublish compares group commit with a message for each event, from 64
// callers, on a server that syncs every write. The figure that counts is
// times-alone: how many times as many events a second.
func BenchmarkPublish(b *testing.B) {
	n := support.NewNATS(b, func(o *natsserver.Options) { o.SyncAlways = true })
	if _, err := schema.ApplyStreams(deadline(b, 20*time.Second), n.JetStream(), schema.StreamSettings{QueueMaxBytes: 4 << 30, Replicas: 1}); err != nil {
		b.Fatal(err)
	}
	grouped, js := n.Bus(), n.JetStream()
	const callers, events = 64, 6400
	body, err := event.EncodeBatch([]event.Event{placed(b, "0123456789abcdef")})
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	measure := func(publish func() error) time.Duration {
		began := time.Now()
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				for range events / callers {
					if err := publish(); err != nil {
						b.Error(err)
					}
				}
			})
		}
		all.Wait()
		return time.Since(began)
	}
	var group, alone time.Duration
	for b.Loop() {
		group += measure(func() error { return grouped.Publish(ctx, placed(b, "0123456789abcdef")) })
		alone += measure(func() error {
			_, err := js.PublishMsg(ctx, &nats.Msg{Subject: "order.placed", Data: body})
			return err
		})
	}
	b.ReportMetric(float64(b.N*events)/group.Seconds(), "events/s")
	b.ReportMetric(float64(b.N*events)/alone.Seconds(), "alone/s")
	b.ReportMetric(alone.Seconds()/group.Seconds(), "times-alone")
}

// eventually polls until ok, and fails the test when that takes too long.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-limit.C:
			t.Fatalf("it did not come to this: %s", what)
		case <-tick.C:
		}
	}
}

// stored reads all events of a stream, in order.
func stored(t testing.TB, server *support.NATSServer, stream string) []event.Event {
	t.Helper()
	ctx := deadline(t, 20*time.Second)
	s, err := server.JetStream().Stream(ctx, stream)
	if err != nil {
		t.Fatal(err)
	}
	var events []event.Event
	state := s.CachedInfo().State
	for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
		msg, err := s.GetMsg(ctx, seq)
		if err != nil {
			continue // acknowledged
		}
		batch, err := event.DecodeBatch(msg.Data)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, batch...)
	}
	return events
}

func ids(events []event.Event) []string {
	var ids []string
	for _, ev := range events {
		ids = append(ids, ev.ID)
	}
	return ids
}

// gauge is the sum of a metric's values.
func gauge(t testing.TB, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return sum
}
