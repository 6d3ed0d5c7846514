package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"bazaar/shared/bus"
	"bazaar/shared/fault"
	"bazaar/tests/support"
)

// next gives the next note that an ear hears.
func next(t *testing.T, heard chan *nats.Msg) *nats.Msg {
	t.Helper()
	select {
	case m := <-heard:
		return m
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was heard")
		return nil
	}
}

// told flushes both, so that what was told is in the ear's channel.
func told(t *testing.T, buses ...*bus.Bus) {
	t.Helper()
	for _, b := range buses {
		must(t, b.Flush(deadline(t, 10*time.Second)))
	}
}

func TestAnEarHearsWhatItHasOpen(t *testing.T) {
	t.Parallel()
	n := support.NewNATS(t, nil)
	teller, listener := n.Bus(), n.Bus()
	heard := make(chan *nats.Msg, 16)
	ear := listener.Ear(heard)
	for _, subject := range []string{"message.sent.a", "message.sent.a", "message.sent.b"} {
		must(t, ear.Open(subject))
	}
	if ear.Len() != 2 {
		t.Errorf("%d subjects are open", ear.Len())
	}
	told(t, listener)
	must(t, teller.Tell(
		bus.Note{Subject: "message.sent.a", Header: nats.Header{"Member-Version": {"7"}}, Data: []byte("1")},
		bus.Note{Subject: "message.sent.c", Data: []byte("2")},
		bus.Note{Subject: "message.sent.b", Data: []byte("3")}))
	first, second := next(t, heard), next(t, heard)
	if string(first.Data) != "1" || first.Header.Get("Member-Version") != "7" || string(second.Data) != "3" || second.Subject != "message.sent.b" {
		t.Errorf("heard %q and %q", first.Data, second.Data)
	}
	must(t, ear.Close("message.sent.a"))
	must(t, ear.Close("message.sent.a"))
	told(t, listener)
	must(t, teller.Tell(bus.Note{Subject: "message.sent.a", Data: []byte("4")}, bus.Note{Subject: "message.sent.b", Data: []byte("5")}))
	if m := next(t, heard); string(m.Data) != "5" || ear.Len() != 1 {
		t.Errorf("heard %q with %d subjects open", m.Data, ear.Len())
	}
	for _, subject := range []string{"message.sent.*", "", "a b", "message.>"} {
		if err := ear.Open(subject); err == nil {
			t.Errorf("%q is heard", subject)
		}
		if err := teller.Tell(bus.Note{Subject: subject}); err == nil || fault.KindOf(err) == fault.Unavailable {
			t.Errorf("told on %q: %v", subject, err)
		}
	}
	if err := teller.Tell(bus.Note{Subject: "a", Data: make([]byte, 2<<20)}); err == nil || fault.KindOf(err) == fault.Unavailable {
		t.Errorf("two MiB: %v", err)
	}
}

// A full channel drops, and says so once, not once a note.
func TestAFullEarSaysWhatItDropped(t *testing.T) {
	t.Parallel()
	n := support.NewNATS(t, nil)
	teller, listener := n.Bus(), n.Bus()
	dropped := make(chan string, 64)
	listener.Watch(bus.Watcher{Dropped: func(subject string) { dropped <- subject }})
	heard := make(chan *nats.Msg, 2)
	ear := listener.Ear(heard)
	must(t, ear.Open("message.sent.a"))
	told(t, listener)
	for i := range 10 {
		must(t, teller.Tell(bus.Note{Subject: "message.sent.a", Data: fmt.Append(nil, i)}))
	}
	told(t, teller, listener) // the listener's answer comes behind the notes
	select {
	case subject := <-dropped:
		if subject != "message.sent.a" {
			t.Errorf("dropped on %s", subject)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("nobody says that it was dropped")
	}
	if len(heard) != 2 {
		t.Errorf("%d were heard", len(heard))
	}
	select {
	case subject := <-dropped:
		t.Errorf("said once more: %s", subject)
	default:
	}
	next(t, heard)
	must(t, teller.Tell(bus.Note{Subject: "message.sent.a", Data: []byte("after")}))
	next(t, heard)
	if m := next(t, heard); string(m.Data) != "after" {
		t.Errorf("it hears %q", m.Data)
	}
}

// TestNothingIsToldWhileNATSIsAway: what cannot be told is refused at once, what
// is open is heard again, also what was opened meanwhile, and who flushes learns
// that there was another connection.
func TestNothingIsToldWhileNATSIsAway(t *testing.T) {
	t.Parallel()
	n := support.NewNATS(t, nil)
	teller, listener := n.Bus(), n.Bus()
	back, lost := make(chan struct{}, 8), make(chan struct{}, 8)
	listener.Watch(bus.Watcher{Back: func() { back <- struct{}{} }, Lost: func() { lost <- struct{}{} }})
	heard := make(chan *nats.Msg, 16)
	ear := listener.Ear(heard)
	must(t, ear.Open("message.sent.a"))
	told(t, teller, listener)
	for len(back) > 0 { // the first connection may be told of
		<-back
	}
	before := teller.Connections()
	n.Stop()
	<-lost
	eventually(t, "the teller knows", func() bool { return teller.Check(t.Context()) != nil })
	began := time.Now()
	if err := teller.Tell(bus.Note{Subject: "message.sent.a", Data: []byte("lost")}); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("told: %v", err)
	}
	if err := teller.Flush(t.Context()); fault.KindOf(err) != fault.Unavailable || time.Since(began) > time.Second {
		t.Errorf("flushed after %s: %v", time.Since(began), err)
	}
	must(t, ear.Open("message.sent.b"))
	must(t, ear.Close("message.sent.c"))
	n.Start()
	<-back
	told(t, listener)
	eventually(t, "the teller is back", func() bool { return teller.Tell(bus.Note{Subject: "message.sent.a", Data: []byte("1")}) == nil })
	must(t, teller.Tell(bus.Note{Subject: "message.sent.b", Data: []byte("2")}))
	if a, b := next(t, heard), next(t, heard); string(a.Data) != "1" || string(b.Data) != "2" {
		t.Errorf("heard %q and %q", a.Data, b.Data)
	}
	if teller.Connections() == before {
		t.Error("it was another connection, and nothing shows it")
	}
}

// TestATellerWithoutAServerIsRefused: a header needs a server to be sent to, which
// must not be taken for a mistake.
func TestATellerWithoutAServerIsRefused(t *testing.T) {
	t.Parallel()
	b := openBus(t, bus.Settings{URL: "nats://127.0.0.1:1", User: "bazaar", Password: "x"})
	err := b.Tell(bus.Note{Subject: "a", Header: nats.Header{"A": {"b"}}})
	if fault.KindOf(err) != fault.Unavailable {
		t.Errorf("told: %v", err)
	}
	if err := b.Flush(t.Context()); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("flushed: %v", err)
	}
	if err := b.Ear(make(chan *nats.Msg, 1)).Open("a"); err != nil {
		t.Errorf("nothing can be opened for later: %v", err)
	}
}
