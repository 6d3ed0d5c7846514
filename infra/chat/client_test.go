package chat

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// quick are terms for a server next door.
func quick() terms {
	return terms{
		greet: 2 * time.Second, silence: 200 * time.Millisecond, steady: 30 * time.Second, linger: 200 * time.Millisecond,
		linkBase: 5 * time.Millisecond, sendBase: 5 * time.Millisecond, longest: 50 * time.Millisecond, answer: 100 * time.Millisecond,
		gap: 20 * time.Millisecond, gapSpread: 20 * time.Millisecond, headSpread: 10 * time.Millisecond, keep: 10 * time.Millisecond,
	}
}

// subject is a client in a test, and the life of its Run.
type subject struct {
	*Client
	t      *testing.T
	end    context.CancelFunc
	ran    chan error
	tokens atomic.Int32 // that were asked for
	fresh  atomic.Int32 // of them those that had to be
}

// launch runs a client of a user against servers until the test ends. change may
// change its options.
func launch(t *testing.T, user, device string, change func(*Options), servers ...*server) *subject {
	t.Helper()
	s := &subject{t: t, ran: make(chan error, 1)}
	o := Options{User: user, Device: device, Record: true, API: servers[0].http.URL + "/function", Random: rand.New(rand.NewPCG(rand.Uint64(), 1))}
	for _, server := range servers {
		o.Sockets = append(o.Sockets, server.address())
	}
	o.Token = func(_ context.Context, fresh bool) (string, time.Time, error) {
		n := s.tokens.Add(1)
		if fresh {
			s.fresh.Add(1)
		}
		return fmt.Sprintf("%s.%d", user, n), time.Now().Add(time.Hour), nil
	}
	if change != nil {
		change(&o)
	}
	c, err := newClient(o, quick())
	if err != nil {
		t.Fatal(err)
	}
	s.Client = c
	ctx, cancel := context.WithCancel(context.Background())
	s.end = cancel
	var all sync.WaitGroup
	all.Go(func() { s.ran <- c.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		all.Wait()
	})
	return s
}

// patience is for everything that is to happen, and nothing promises when.
func patience(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// text is a body.
func text(words ...any) map[string]string { return map[string]string{"text": fmt.Sprint(words...)} }

func (s *subject) send(to Target, body any) Sent {
	s.t.Helper()
	sent, err := s.Send(patience(s.t), to, "text", body)
	if err != nil {
		s.t.Fatalf("%s sends: %v", s.o.User, err)
	}
	return sent
}

// settled wants that clients have everything, once and in order.
func settled(t *testing.T, w *world, all ...*subject) {
	t.Helper()
	for _, s := range all {
		for id, head := range w.heads(s.o.User) {
			if head > 0 {
				must(t, s.Await(patience(t), id, head))
			}
		}
		for _, trouble := range w.trouble(s.Record()) {
			t.Error(trouble)
		}
	}
}

// event waits for the next event of a kind.
func (s *subject) event(kind EventKind) Event {
	s.t.Helper()
	ctx := patience(s.t)
	for {
		select {
		case e := <-s.Events():
			if e.Kind == kind {
				return e
			}
		case <-ctx.Done():
			s.t.Fatalf("%s heard no %s", s.o.User, kind)
		}
	}
}

func TestTwoTalk(t *testing.T) {
	t.Parallel()
	w := newWorld()
	srv := newServer(t, w)
	srv.beats()
	alice, bob := launch(t, "alice", "laptop", nil, srv), launch(t, "bob", "laptop", nil, srv)
	must(t, bob.AwaitState(patience(t), Ready))
	first := alice.send(Target{User: "bob"}, text("hello"))
	if first.Seq != 1 || first.Duplicate || first.Conversation != "d_alice_bob" {
		t.Errorf("sent %+v", first)
	}
	if e := bob.event(Shown); e.Message.From != "alice" || string(e.Message.Body) != `{"text":"hello"}` || e.Seq != 1 {
		t.Errorf("bob sees %+v", e)
	}
	bob.Read(first.Conversation, 1)
	bob.Typing(first.Conversation)
	bob.Watch([]string{"alice"})
	bob.send(Target{Conversation: first.Conversation}, text("hello yourself"))
	settled(t, w, alice, bob)
	entries := alice.Timeline(first.Conversation)
	if len(entries) != 2 || entries[1].From != "bob" || alice.Head(first.Conversation) != 2 {
		t.Errorf("alice sees %+v", entries)
	}
	want := []string{`{"t":"read","conversation":"d_alice_bob","seq":1}`, `{"t":"typing","conversation":"d_alice_bob"}`, `{"t":"presence","users":["alice"]}`}
	srv.mu.Lock()
	for _, line := range want {
		if !slices.Contains(srv.heard, line) {
			t.Errorf("the server did not hear %s, but %q", line, srv.heard)
		}
	}
	srv.mu.Unlock()
	if _, err := alice.Send(patience(t), Target{Conversation: "nowhere"}, "text", text("?")); !isRefused(err, "not_found") {
		t.Errorf("to nowhere: %v", err)
	}
	if left := alice.Unsent(); len(left) != 0 {
		t.Errorf("%d are left to be sent, after the caller was told", len(left))
	}
}

func isRefused(err error, code string) bool {
	var refused *Refused
	return errors.As(err, &refused) && refused.Code == code
}

func TestTenLostAnswersAreOneMessage(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.open("g", "group", "alice", "bob")
	srv := newServer(t, w)
	srv.beats()
	srv.set(func(m *mood) { m.loseSent, m.headless = 10, true })
	alice, bob := launch(t, "alice", "laptop", nil, srv), launch(t, "bob", "laptop", nil, srv)
	sent := alice.send(Target{Conversation: "g"}, text("once"))
	if sent.Seq != 1 || !sent.Duplicate {
		t.Errorf("sent %+v", sent)
	}
	srv.set(func(m *mood) { m.headless = false })
	settled(t, w, alice, bob)
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := w.attempts["alice/"+sent.ClientMsgID]; n != 11 || len(w.halls["g"].said) != 1 {
		t.Errorf("%d attempts made %d messages", n, len(w.halls["g"].said))
	}
}

func TestRefusalsThatPass(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.open("g", "group", "alice")
	srv := newServer(t, w)
	srv.beats()
	srv.set(func(m *mood) {
		m.refuseSend = []refusal{{Code: "unavailable", Retryable: true}, {Code: "limited", Retryable: true, AfterMS: 300}, {Code: "muted"}}
	})
	alice := launch(t, "alice", "laptop", nil, srv)
	began := time.Now()
	p, next := alice.Queue(Target{Conversation: "g"}, "text", text(1)), alice.Queue(Target{Conversation: "g"}, "text", text(2))
	if _, err := p.Wait(patience(t)); !isRefused(err, "muted") || time.Since(began) < 300*time.Millisecond {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
	if s, err := next.Wait(patience(t)); err != nil || s.Seq != 1 {
		t.Errorf("the next one: %+v, %v", s, err)
	}
	if left := alice.Unsent(); len(left) != 1 || left[0] != p {
		t.Errorf("%d are left for a person", len(left))
	}
	alice.Retry(p)
	if s, err := p.Wait(patience(t)); err != nil || s.Seq != 2 || s.ClientMsgID != p.ID {
		t.Errorf("once more: %+v, %v", s, err)
	}
}

// TestWhateverHappensToPushes: lost, doubled and out of order, they are shown
// once and in order.
func TestWhateverHappensToPushes(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(m *mood){
		"lost":    func(m *mood) { m.losePushes = 3 },
		"doubled": func(m *mood) { m.twice = true },
		"swapped": func(m *mood) { m.swapPushes = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.open("g", "group", "alice", "bob", "carol")
			srv := newServer(t, w)
			srv.beats()
			srv.set(change)
			all := []*subject{launch(t, "alice", "laptop", nil, srv), launch(t, "bob", "laptop", nil, srv), launch(t, "carol", "laptop", nil, srv), launch(t, "alice", "phone", nil, srv)}
			var done sync.WaitGroup
			for _, s := range all {
				done.Go(func() {
					for i := range 40 {
						if _, err := s.Send(patience(t), Target{Conversation: "g"}, "text", text(s.o.User, s.o.Device, i)); err != nil {
							t.Error(err)
						}
					}
				})
			}
			done.Wait()
			settled(t, w, all...)
		})
	}
}

// TestCutsAndRestarts: four devices write while their connections are cut.
func TestCutsAndRestarts(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.open("g", "group", "alice", "bob")
	one, two := newServer(t, w), newServer(t, w) // two connectors that do not hear each other: only sync and heads help
	one.beats()
	two.beats()
	all := []*subject{launch(t, "alice", "laptop", nil, one, two), launch(t, "bob", "laptop", nil, two, one), launch(t, "bob", "phone", nil, one, two)}
	var done sync.WaitGroup
	for _, s := range all {
		done.Go(func() {
			var last *Pending
			for i := range 60 {
				last = s.Queue(Target{Conversation: "g"}, "text", text(s.o.User, s.o.Device, i))
				if i%12 == 5 {
					s.Pause().Cut()
				}
				if i%3 == 0 {
					if _, err := last.Wait(patience(t)); err != nil {
						t.Error(err)
					}
				}
			}
			if _, err := last.Wait(patience(t)); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	if heads := w.heads("alice"); heads["g"] != 180 {
		t.Errorf("180 were written, %d are stored", heads["g"])
	}
	settled(t, w, all...)
}

func TestWhoWasAwayLongLoadsTheRest(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.open("g", "group", "alice", "bob")
	srv := newServer(t, w)
	srv.beats()
	alice, bob := launch(t, "alice", "laptop", nil, srv), launch(t, "bob", "laptop", nil, srv)
	alice.send(Target{Conversation: "g"}, text("before"))
	settled(t, w, bob)
	bob.Pause().Hold(true)
	for i := range 130 {
		alice.Queue(Target{Conversation: "g"}, "text", text(i))
	}
	settled(t, w, alice)
	must(t, alice.Await(patience(t), "g", 131))
	if bob.Head("g") > 1 || bob.State() != Waiting {
		t.Errorf("who stays away knows of %d, and is %s", bob.Head("g"), bob.State())
	}
	bob.Pause().Hold(false)
	settled(t, w, bob)
	if got := bob.Gaps("g"); !slices.Equal(got, []Gap{{2, 81}}) {
		t.Errorf("gaps %v", got)
	}
	for len(bob.Gaps("g")) > 0 {
		must(t, bob.Older(patience(t), "g"))
	}
	must(t, bob.Older(patience(t), "g")) // there is nothing before the first
	must(t, bob.Older(patience(t), "nowhere"))
	if got := bob.Timeline("g"); len(got) != 131 || got[0].Seq != 1 || got[130].Seq != 131 {
		t.Errorf("%d are shown", len(got))
	}
	settled(t, w, bob)
	if k := bob.Conversations(); len(k) != 1 || k[0].Kind != "group" || k[0].Cursor != 131 {
		t.Errorf("conversations %+v", k)
	}
}

func TestAReloadGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.open("g", "group", "alice", "bob")
	srv := newServer(t, w)
	srv.beats()
	store := &Memory{}
	keeps := func(o *Options) { o.Store = store }
	alice := launch(t, "alice", "laptop", keeps, srv)
	alice.send(Target{Conversation: "g"}, text("first"))
	alice.Pause().Hold(true)
	p := alice.Queue(Target{Conversation: "g"}, "text", text("kept"))
	must(t, alice.await(patience(t), func() bool { return len(alice.core.box.unkept()) == 0 }))
	alice.end()
	if err := <-alice.ran; err != nil {
		t.Errorf("the end of ctx is an error: %v", err)
	}
	again := launch(t, "alice", "laptop", keeps, srv)
	left := again.Unsent()
	if got := again.Timeline("g"); len(left) != 1 || left[0].ID != p.ID || len(got) != 1 {
		t.Fatalf("%d are to be sent, %d are shown", len(left), len(got))
	}
	if s, err := left[0].Wait(patience(t)); err != nil || s.Seq != 2 {
		t.Errorf("sent %+v, %v", s, err)
	}
	settled(t, w, again)
	if err := again.Run(patience(t)); err == nil || strings.Contains(err.Error(), "ended") {
		t.Errorf("a client ran twice: %v", err)
	}
	if _, err := p.Wait(canceled(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("who waited for the first life: %v", err)
	}
	if _, err := alice.Send(patience(t), Target{Conversation: "g"}, "text", text("late")); !errors.Is(err, ErrEnded) {
		t.Errorf("sending with a client that has ended: %v", err)
	}
	if err := alice.Sync(patience(t)); !errors.Is(err, ErrEnded) {
		t.Errorf("syncing with a client that has ended: %v", err)
	}
}

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
