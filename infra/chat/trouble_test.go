package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// handshakes is how many a server has had.
func (s *server) handshakes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened
}

func TestAfterMostCodesItComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.open("g", "group", "alice")
	srv := newServer(t, w)
	srv.beats()
	alice := launch(t, "alice", "laptop", nil, srv)
	for n, code := range []int{1000, 1001, 1002, 1007, 1009, 1011, 1012, 4000, 4001, 4002, 4003, 4005, 4006, 4199, 4400} {
		must(t, alice.await(patience(t), func() bool { return alice.core.link.state == Ready && alice.core.link.serial == n+1 }))
		srv.each("alice", func(p *peer) { srv.shut(p, code) })
		must(t, alice.await(patience(t), func() bool { return alice.core.link.serial > n+1 }))
	}
	alice.send(Target{Conversation: "g"}, text("still here"))
	if n := alice.fresh.Load(); n != 0 {
		t.Errorf("%d fresh tokens were asked for", n)
	}
}

func TestAfterSomeCodesItStays(t *testing.T) {
	t.Parallel()
	for _, code := range []int{4200, 4203, 4205, 4206, 4399} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			srv := newServer(t, newWorld())
			srv.beats()
			alice := launch(t, "alice", "laptop", nil, srv)
			must(t, alice.AwaitState(patience(t), Ready))
			srv.each("alice", func(p *peer) { srv.shut(p, code) })
			wantStopped(t, alice, code)
			if _, err := alice.Send(patience(t), Target{User: "bob"}, "text", text(1)); !errors.Is(err, ErrEnded) {
				t.Errorf("sending after it: %v", err)
			}
			if n := srv.handshakes(); n != 1 {
				t.Errorf("%d handshakes", n)
			}
		})
	}
}

// wantStopped waits for the end of Run.
func wantStopped(t *testing.T, s *subject, code int) {
	t.Helper()
	select {
	case err := <-s.ran:
		var stopped *Stopped
		if !errors.As(err, &stopped) || stopped.Code != code {
			t.Errorf("it ended with %v, want %d", err, code)
		}
	case <-patience(t).Done():
		t.Fatal("it did not end")
	}
	if s.State() != StateStopped {
		t.Errorf("it is %s", s.State())
	}
}

func TestATokenThatIsNoGoodIsReplacedOnce(t *testing.T) {
	t.Parallel()
	for _, code := range []int{codeBadToken, codeTokenExpired} {
		srv := newServer(t, newWorld())
		srv.beats()
		srv.set(func(m *mood) { m.refuseAuth = []int{code} })
		alice := launch(t, "alice", "laptop", nil, srv)
		must(t, alice.AwaitState(patience(t), Ready))
		if alice.fresh.Load() != 1 || alice.tokens.Load() != 2 {
			t.Errorf("%d: %d tokens, %d of them fresh", code, alice.tokens.Load(), alice.fresh.Load())
		}
		srv.set(func(m *mood) { m.refuseAuth = []int{code, code} })
		alice.Pause().Cut()
		wantStopped(t, alice, code)
	}
}

func TestSignedOutIsTheEnd(t *testing.T) {
	t.Parallel()
	srv := newServer(t, newWorld())
	srv.set(func(m *mood) { m.refuseAuth = []int{codeTokenExpired} })
	alice := launch(t, "alice", "laptop", func(o *Options) {
		o.Token = func(_ context.Context, fresh bool) (string, time.Time, error) {
			if fresh {
				return "", time.Time{}, fmt.Errorf("refreshing: %w", ErrSignedOut)
			}
			return "alice.1", time.Time{}, nil
		}
	}, srv)
	wantStopped(t, alice, 0)
}

func TestACallWithAnOldTokenIsRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.open("g", "group", "alice")
	srv := newServer(t, w)
	srv.beats()
	srv.set(func(m *mood) { m.token = "alice.2" })
	alice := launch(t, "alice", "laptop", nil, srv)
	must(t, alice.Sync(patience(t)))
	if n := alice.fresh.Load(); n != 1 {
		t.Errorf("%d fresh tokens", n)
	}
	srv.set(func(m *mood) { m.token = "nobody" })
	if err := alice.Recall(patience(t), "g", 1); !isRefused(err, "unauthenticated") {
		t.Errorf("with no good token at all: %v", err)
	}
}

// A server that neither says anything nor closes: the other one is taken.
func TestASilentServerIsLeftForAnother(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.open("g", "group", "alice")
	silent, good := newServer(t, w), newServer(t, w)
	silent.set(func(m *mood) { m.silent = true })
	good.beats()
	alice := launch(t, "alice", "laptop", func(o *Options) { o.Random = nil }, silent, good)
	must(t, alice.await(patience(t), func() bool { return alice.core.link.state == Ready }))
	alice.send(Target{Conversation: "g"}, text("somebody hears me"))
	if good.handshakes() == 0 {
		t.Error("the good one was never asked")
	}
}

func TestAFullServerIsAskedAgain(t *testing.T) {
	t.Parallel()
	srv := newServer(t, newWorld())
	srv.beats()
	srv.set(func(m *mood) { m.refuse = true })
	alice := launch(t, "alice", "laptop", nil, srv)
	must(t, alice.await(patience(t), func() bool { return srv.handshakes() > 3 }))
	srv.set(func(m *mood) { m.refuse = false })
	must(t, alice.AwaitState(patience(t), Ready))
}

func TestAByeSaysWhenToComeBack(t *testing.T) {
	t.Parallel()
	one, two := newServer(t, newWorld()), newServer(t, newWorld())
	one.beats()
	two.beats()
	alice := launch(t, "alice", "laptop", func(o *Options) { o.Sockets = []string{one.address()} }, one)
	must(t, alice.AwaitState(patience(t), Ready))
	began := time.Now()
	one.each("alice", func(p *peer) {
		one.say(p, encode("bye", bye{4001, 400}))
		one.shut(p, 4001)
	})
	must(t, alice.AwaitState(patience(t), Waiting))
	must(t, alice.AwaitState(patience(t), Ready))
	if took := time.Since(began); took < 400*time.Millisecond {
		t.Errorf("it came back after %s, asked were 400 ms", took)
	}
	one.each("alice", func(p *peer) { one.say(p, encode("bye", bye{4001, 50})) }) // and does not close
	must(t, alice.await(patience(t), func() bool { return alice.core.link.state == Ready && alice.core.link.serial == 3 }))
}

func TestAskingWaitsAsLongAsItIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.open("g", "group", "alice", "bob")
	w.post("bob", posted{ClientMsgID: "m", Conversation: "g", Kind: "text", Body: []byte(`{}`)}, start())
	srv := newServer(t, w)
	srv.beats()
	srv.set(func(m *mood) { m.refuseSync, m.retryAfter = []int{503, 429}, 1 })
	alice := launch(t, "alice", "laptop", nil, srv)
	settled(t, w, alice)
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if len(srv.asked) != 3 {
		t.Fatalf("asked %d times", len(srv.asked))
	}
	for i := range 2 {
		if between := srv.asked[i+1].Sub(srv.asked[i]); between < time.Second || between > 5*time.Second {
			t.Errorf("asked again after %s, told was a second", between)
		}
	}
}

func TestAHintIsEnough(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.open("g", "group", "alice", "bob")
	srv := newServer(t, w)
	alice := launch(t, "alice", "laptop", nil, srv)
	must(t, alice.AwaitState(patience(t), Ready))
	for i := range 3 {
		w.post("bob", posted{ClientMsgID: fmt.Sprint(i), Conversation: "g", Kind: "text", Body: []byte(`{}`)}, start())
	}
	srv.each("alice", func(p *peer) { srv.say(p, encode("hint", hint{"g", 3})) })
	settled(t, w, alice)
	w.post("bob", posted{ClientMsgID: "more", Conversation: "g", Kind: "text", Body: []byte(`{}`)}, start())
	must(t, alice.Sync(patience(t)))
	if head := alice.Head("g"); head != 4 {
		t.Errorf("after a sync the head is %d", head)
	}
}

func TestARecallIsSeenByAll(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.open("g", "group", "alice", "bob")
	srv := newServer(t, w)
	srv.beats()
	alice, bob := launch(t, "alice", "laptop", nil, srv), launch(t, "bob", "laptop", nil, srv)
	sent := alice.send(Target{Conversation: "g"}, text("oops"))
	settled(t, w, bob)
	must(t, alice.Recall(patience(t), "g", sent.Seq))
	if e := bob.event(Recalled); e.Seq != sent.Seq || e.By != "alice" {
		t.Errorf("bob hears %+v", e)
	}
	for _, s := range []*subject{alice, bob} {
		if got := s.Timeline("g"); len(got) != 1 || string(got[0].Body) != `{}` || got[0].RecalledAt.IsZero() {
			t.Errorf("%s sees %+v", s.o.User, got)
		}
	}
	if err := alice.Recall(patience(t), "g", 99); !isRefused(err, "not_found") {
		t.Errorf("what is not there: %v", err)
	}
}

func TestTheEndIsPolite(t *testing.T) {
	t.Parallel()
	srv := newServer(t, newWorld())
	srv.beats()
	alice := launch(t, "alice", "laptop", nil, srv)
	must(t, alice.AwaitState(patience(t), Ready))
	alice.end()
	<-alice.ran
	bob := launch(t, "bob", "laptop", nil, srv) // which has no more to do than to wait for the goodbye
	must(t, bob.await(patience(t), func() bool {
		srv.mu.Lock()
		defer srv.mu.Unlock()
		return slices.Contains(srv.goodbyes, websocket.StatusNormalClosure)
	}))
}

// Nobody reads the events: they are dropped and counted, and nothing waits.
func TestEventsThatNobodyReadsAreDropped(t *testing.T) {
	t.Parallel()
	srv := newServer(t, newWorld())
	srv.beats()
	alice := launch(t, "alice", "laptop", nil, srv)
	alice.do(func(time.Time) {
		for range mostEvents + 10 {
			alice.core.emit(Event{Kind: TypingSeen})
		}
	})
	if alice.Dropped() < 10 {
		t.Errorf("%d were dropped", alice.Dropped())
	}
	must(t, alice.AwaitState(patience(t), Ready))
}

func TestAClientNeedsItsOptions(t *testing.T) {
	t.Parallel()
	good := Options{Sockets: []string{"ws://x"}, API: "http://x", User: "a", Device: "d", Token: func(context.Context, bool) (string, time.Time, error) { return "", time.Time{}, nil }}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(o *Options){
		"sockets": func(o *Options) { o.Sockets = nil }, "api": func(o *Options) { o.API = "" }, "user": func(o *Options) { o.User = "" },
		"device": func(o *Options) { o.Device = "" }, "token": func(o *Options) { o.Token = nil }, "store": func(o *Options) { o.Store = broken{} },
	} {
		bad := good
		change(&bad)
		if _, err := New(bad); err == nil {
			t.Errorf("%s is missing, and it was made", name)
		}
	}
}

// broken is a store that has nothing and takes nothing.
type broken struct{}

func (broken) Load(string) (Saved, error) { return Saved{}, errors.New("no disk") }

func (broken) Save(string, Saved) error { return errors.New("no disk") }
