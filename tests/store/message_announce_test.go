package store_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"bazaar/shared/bus"
	"bazaar/shared/event"
	"bazaar/shared/message"
	"bazaar/tests/support"
)

// run runs an announcer until the test, or the one who stops it, ends it.
func run(t *testing.T, a *message.Announcer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { a.Run(ctx) })
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return stop
}

// stored counts the events of messages in the outbox.
func (h *hall) stored(t *testing.T) int {
	t.Helper()
	return h.count(t, `select count(*) from outbox.event where type = 'message.stored'`)
}

// TestAnEventStaysUntilTheServerHasItsMessages: not while it does not answer, not
// when the connection was another, and not before who missed it was looked for.
func TestAnEventStaysUntilTheServerHasItsMessages(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c := h.found(t, "alice", "bob")
	run(t, h.announcer)
	h.say(t, text("alice", c, "1"))
	eventually(t, "its event is settled", func() bool { return h.stored(t) == 0 })
	for name, change := range map[string]func(*noted){
		"away":    func(n *noted) { n.away = true },
		"deaf":    func(n *noted) { n.deaf = true },
		"unheard": func(n *noted) { n.deaf = true },
	} {
		h.ear.set(func(n *noted) { change(n); n.flushes = 0 })
		h.say(t, text("alice", c, name))
		if name == "away" {
			h.ear.set(func(n *noted) { n.away = false })
		} else {
			eventually(t, "it was asked", func() bool { flushes := 0; h.ear.set(func(n *noted) { flushes = n.flushes }); return flushes > 0 })
		}
		h.ear.set(func(n *noted) {
			n.deaf = false
			if name == "unheard" {
				n.connections++ // what was told on the one before is left to the relay
			}
		})
		h.say(t, text("alice", c, name+"-after"))
		eventually(t, "the one after it is settled", func() bool { return h.stored(t) == 1 })
		mustExec(t, h, `delete from outbox.event`)
	}
	// On another connection than it was told on, a flush proves nothing.
	h.ear.set(func(n *noted) { n.flushes = 0 })
	id, other := "", h.open(t, nil)
	lost := &renewed{noted: other.ear}
	a := message.NewAnnouncer(lost, h, message.AnnouncerSettings{})
	h.say(t, text("alice", c, "last"))
	must(t, h.QueryRow(t.Context(), `select event_id from outbox.event`).Scan(&id))
	mustExec(t, h, `update outbox.event set event_id = 'kept'`) // of the door's announcer
	must(t, a.Announce("kept", message.Event{Conversation: c, Kind: message.EventGroup}.Note(1, "")))
	run(t, a)()
	if n := h.stored(t); n != 1 || len(other.ear.subjects()) != 1 {
		t.Errorf("%d events are left", n)
	}
}

// renewed is a bus whose connection is another one by the time that it is flushed.
type renewed struct{ *noted }

func (l *renewed) Flush(ctx context.Context) error {
	l.set(func(n *noted) { n.connections++ })
	return l.noted.Flush(ctx)
}

// TestWhoMissedIsLookedForBeforeTheEventGoes, once for each message, and the next
// transaction takes the event along.
func TestWhoMissedIsLookedForBeforeTheEventGoes(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c := h.found(t, "alice", "bob")
	var mu sync.Mutex
	var seen []string
	ear := &noted{}
	a := message.NewAnnouncer(ear, h, message.AnnouncerSettings{Flushed: func(_ context.Context, batch []message.Posted) {
		mu.Lock()
		defer mu.Unlock()
		var left int
		if err := h.QueryRow(context.Background(), `select count(*) from outbox.event`).Scan(&left); err != nil || left == 0 {
			t.Errorf("%d events are left, %v", left, err)
		}
		for _, m := range batch {
			seen = append(seen, fmt.Sprint(m.Seq))
		}
	}})
	p := message.NewPoster(h, a, 1)
	run(t, a)
	for i := range 3 {
		_, err := p.Post(t.Context(), text("alice", c, fmt.Sprint(i)))
		must(t, err)
		eventually(t, "it was looked for", func() bool { mu.Lock(); defer mu.Unlock(); return len(seen) == i+1 })
	}
	eventually(t, "all are settled", func() bool { return h.stored(t) == 0 })
	must(t, p.Close(t.Context()))
	if got := len(ear.subjects()); got != 3 || !slices.Equal(seen, []string{"1", "2", "3"}) {
		t.Errorf("%d told, %v seen", got, seen)
	}
}

// TestWhatStoresNothingTakesNoEventAlong: a duplicate writes nothing, so an event
// that waits for a transaction to go along with waits for the next.
func TestWhatStoresNothingTakesNoEventAlong(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c := h.found(t, "alice", "bob")
	flushed := make(chan struct{})
	a := message.NewAnnouncer(&noted{}, h, message.AnnouncerSettings{Flushed: func(context.Context, []message.Posted) { close(flushed) }})
	p := message.NewPoster(h, a, 1)
	_, err := p.Post(t.Context(), text("alice", c, "1"))
	must(t, err)
	run(t, a)
	<-flushed
	for range 20 { // until it is settled alone
		_, err := p.Post(t.Context(), text("alice", c, "1"))
		must(t, err)
	}
	must(t, p.Close(t.Context()))
	eventually(t, "its event is settled", func() bool { return h.stored(t) == 0 })
}

// TestTheRelayBringsWhatWasNotTold: NATS is away when messages are stored. Their
// event comes when it is back, says which they are, and they can be told again.
func TestTheRelayBringsWhatWasNotTold(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	n := support.NATS(t)
	b, listener := n.Bus(), n.Bus()
	a := message.NewAnnouncer(b, h, message.AnnouncerSettings{})
	p := message.NewPoster(h, a, 2)
	run(t, a)
	c := h.found(t, "alice", "bob")
	heard := make(chan *nats.Msg, 16)
	ear := listener.Ear(heard)
	must(t, ear.Open(message.SentSubject(c)))
	told(t, listener, b)
	draft := text("alice", c, "1")
	draft.Socket = "node-7"
	_, err := p.Post(t.Context(), draft)
	must(t, err)
	m := next(t, heard)
	if m.Header.Get(message.HeaderFirst) != "1" || m.Header.Get(message.HeaderLast) != "1" || m.Header.Get(message.HeaderSockets) != "node-7" || m.Header.Get(message.HeaderVersion) == "" {
		t.Errorf("%v", m.Header)
	}
	eventually(t, "its event is settled", func() bool { return h.stored(t) == 0 })
	n.Stop()
	eventually(t, "the bus knows", func() bool { return b.Check(t.Context()) != nil })
	_, errs := p.PostAll(t.Context(), []message.Draft{text("alice", c, "2"), text("bob", c, "3")})
	for _, err := range errs {
		must(t, err)
	}
	n.Start()
	mustExec(t, h, `update outbox.event set created_at = now() - interval '2 seconds'`)
	eventually(t, "the relay brings it", func() bool { _, err := relay(h.Pool, b).Sweep(t.Context()); return err == nil && h.stored(t) == 0 })
	events := stored(t, n, bus.MessagesStream)
	if len(events) != 1 {
		t.Fatalf("%d events", len(events))
	}
	eventually(t, "the listener is back", func() bool { return listener.Flush(t.Context()) == nil })
	retell(t, h, b, events[0])
	m = next(t, heard)
	if m.Header.Get(message.HeaderFirst) != "2" || m.Header.Get(message.HeaderLast) != "3" || m.Header.Get(message.HeaderSockets) != "" {
		t.Errorf("%v %s", m.Header, m.Data)
	}
}

// retell does what who takes the event does.
func retell(t *testing.T, h *hall, b *bus.Bus, e event.Event) {
	t.Helper()
	var d message.StoredData
	must(t, e.Decode(&d))
	var spans []message.Span
	for _, s := range d.Spans {
		spans = append(spans, s.Span())
	}
	list, err := h.Between(t.Context(), h, spans)
	must(t, err)
	batch := make([]message.Posted, len(list))
	for i, m := range list {
		heads, err := h.Heads(t.Context(), h, []string{m.Conversation})
		must(t, err)
		batch[i] = message.Posted{Message: m, Version: heads[m.Conversation].Version}
	}
	must(t, b.Tell(message.Notes(batch)...))
	must(t, b.Flush(deadline(t, 10*time.Second)))
}
