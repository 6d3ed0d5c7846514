package chat

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestEveryCodeHasAFate(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]fate{
		0: comesBack, 1000: comesBack, 1001: comesBack, 1002: comesBack, 1006: comesBack, 1009: comesBack, 1012: comesBack, 3999: comesBack,
		4000: comesBack, 4001: comesBack, 4002: comesBack, 4003: comesBack, 4005: comesBack, 4006: comesBack, 4100: comesBack, 4199: comesBack,
		4200: stays, 4201: wantsToken, 4202: wantsToken, 4203: stays, 4205: stays, 4206: stays, 4299: stays, 4399: stays,
		4400: comesBack, 4999: comesBack,
	} {
		if got := fateOf(code); got != want {
			t.Errorf("%d: %d, want %d", code, got, want)
		}
	}
}

// lost is a link whose connection ended with code in a state.
func lost(l *link, now time.Time, state LinkState, code int, random float64) fate {
	l.dial(now)
	if state == Ready {
		l.ready(now)
	}
	return l.ended(now, code, random)
}

func TestALinkWaitsLongerEachTime(t *testing.T) {
	t.Parallel()
	l := newLink(standard(), 1, 0)
	now := start()
	for i, want := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 30 * time.Second, 30 * time.Second} {
		if lost(&l, now, Connecting, codeBroken, highest); l.until.Sub(now).Round(time.Millisecond) != want {
			t.Errorf("after %d failures it waits up to %s, want %s", i+1, l.until.Sub(now), want)
		}
	}
	if lost(&l, now, Connecting, codeBroken, lowest); !l.until.Equal(now) || !l.wants(now) {
		t.Error("the jitter is not full: a lucky one may come at once")
	}
	l.dial(now)
	l.ready(now)
	now = now.Add(29 * time.Second)
	if l.ended(now, codeBroken, highest); l.until.Sub(now) < 29*time.Second {
		t.Errorf("29 s of ready made it forget: it waits %s", l.until.Sub(now))
	}
	l.dial(now)
	l.ready(now)
	now = now.Add(30 * time.Second)
	if l.ended(now, codeBroken, highest); l.until.Sub(now) > 500*time.Millisecond {
		t.Errorf("after 30 s of ready it waits %s", l.until.Sub(now))
	}
}

func TestAGoodbyeIsObeyed(t *testing.T) {
	t.Parallel()
	now := start()
	for name, code := range map[string]int{"with its close frame": 4001, "without one": codeBroken} {
		l := newLink(standard(), 2, 0)
		l.dial(now)
		l.ready(now)
		l.goodbye(now, 4001, 3*time.Second)
		f := l.ended(now.Add(time.Second), l.meant(code), highest)
		if f != comesBack || !l.until.Equal(now.Add(3*time.Second)) || l.n != 0 || l.address != 1 {
			t.Errorf("%s: comes back at %s after %d failures, to address %d", name, l.until.Sub(now), l.n, l.address)
		}
	}
	l := newLink(standard(), 1, 0)
	l.dial(now)
	l.ready(now)
	l.goodbye(now, 4203, time.Second)
	if f := l.ended(now, l.meant(codeBroken), 0); f != stays {
		t.Errorf("a goodbye for good whose close frame got lost: %d", f)
	}
	l = newLink(standard(), 1, 0)
	l.dial(now)
	l.ready(now)
	l.goodbye(now, 4001, time.Second)
	if l.late(now.Add(5*time.Second)) || !l.late(now.Add(6*time.Second)) {
		t.Error("a server that does not close when it said is to be left 5 s later")
	}
	if l.goodbye(now, 4001, time.Hour); !l.bye.Equal(now.Add(time.Minute)) {
		t.Errorf("a goodbye of an hour is obeyed until %s", l.bye)
	}
}

// A server that sends everybody away at once is not asked in a circle.
func TestItHurriesOnce(t *testing.T) {
	t.Parallel()
	l, now := newLink(standard(), 1, 0), start()
	away := func(after time.Duration) time.Duration {
		l.dial(now)
		l.ready(now)
		now = now.Add(after)
		l.goodbye(now, 4005, 0)
		l.ended(now, 4005, highest)
		return l.until.Sub(now).Round(time.Millisecond)
	}
	for i, want := range []time.Duration{0, 500 * time.Millisecond, time.Second, 2 * time.Second} {
		if got := away(time.Second); got != want {
			t.Errorf("goodbye %d: it comes back after %s, want %s", i+1, got, want)
		}
	}
	if got := away(30 * time.Second); got != 0 {
		t.Errorf("after 30 s of ready it comes back after %s", got)
	}
	if lost(&l, now, Ready, codeTokenExpired, highest); l.until.Sub(now) < 499*time.Millisecond {
		t.Errorf("with a fresh token it comes back after %s, which is no better", l.until.Sub(now))
	}
}

func TestOneFreshTokenThenTheEnd(t *testing.T) {
	t.Parallel()
	for _, code := range []int{codeBadToken, codeTokenExpired} {
		l := newLink(standard(), 1, 0)
		now := start()
		if f := lost(&l, now, Connecting, code, highest); f != wantsToken || !l.wants(now) {
			t.Errorf("%d: %d, comes back %s later", code, f, l.until.Sub(now))
		}
		l.dial(now)
		l.ready(now)
		now = now.Add(time.Minute)
		if f := l.ended(now, code, highest); f != wantsToken {
			t.Errorf("%d after a ready in between: %d", code, f)
		}
		if f := lost(&l, now, Connecting, codeBroken, highest); f != comesBack {
			t.Errorf("broken: %d", f)
		}
		if f := lost(&l, now, Connecting, code, highest); f != stays || l.state != StateStopped || l.wants(now.Add(time.Hour)) {
			t.Errorf("%d with a fresh token: %d, %s", code, f, l.state)
		}
	}
}

func TestASilentServerIsLeft(t *testing.T) {
	t.Parallel()
	l := newLink(standard(), 1, 0)
	now := start()
	l.dial(now)
	if l.late(now.Add(14*time.Second)) || !l.late(now.Add(15*time.Second)) {
		t.Error("a dial has 15 s")
	}
	l.enter(Greeting, now)
	l.heard = now.Add(14 * time.Second) // whatever it says, if not ready
	if !l.late(now.Add(15 * time.Second)) {
		t.Error("from the open socket to ready there are 15 s")
	}
	l.beat = 25 * time.Second
	l.ready(now)
	if l.late(now.Add(34*time.Second)) || !l.late(now.Add(35*time.Second)) {
		t.Error("a heartbeat and 10 s without a word")
	}
	l.heard = now.Add(20 * time.Second)
	if l.late(now.Add(54 * time.Second)) {
		t.Error("it has said something")
	}
}

// TestALinkKeepsItsWord goes through any life of a link.
func TestALinkKeepsItsWord(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l, now := newLink(standard(), 3, rapid.Float64Range(0, highest).Draw(t, "first")), start()
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(40*time.Second)).Draw(t, "passed")))
			stopped := l.state == StateStopped
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				if l.wants(now) {
					if l.away || stopped || now.Before(l.until) {
						t.Fatalf("it wants to connect: away %t, %s, %s too early", l.away, l.state, l.until.Sub(now))
					}
					l.dial(now)
				}
			case 1:
				if l.state == Connecting {
					l.enter(Greeting, now)
				}
			case 2:
				if l.state == Greeting {
					l.ready(now)
				}
			case 3:
				l.goodbye(now, 4001, time.Duration(rapid.Int64().Draw(t, "after")))
			case 4:
				l.away = !l.away
			default:
				if l.is(l.serial) {
					code := rapid.SampledFrom([]int{1000, 1006, 4001, 4002, 4201, 4202, 4203, 4100, 4400}).Draw(t, "code")
					l.ended(now, l.meant(code), rapid.Float64Range(0, highest).Draw(t, "random"))
				}
			}
			if stopped && l.state != StateStopped {
				t.Fatal("it came back although it was stopped")
			}
			if l.state == Waiting && l.until.Sub(now) > time.Minute || l.address < 0 || l.address > 2 {
				t.Fatalf("it waits for %s, at address %d", l.until.Sub(now), l.address)
			}
		}
	})
}

func TestATokenIsRenewedInTime(t *testing.T) {
	t.Parallel()
	var k token
	now := start()
	if ask, fresh := k.ask(now); !ask || fresh {
		t.Errorf("the first one: ask %t, fresh %t", ask, fresh)
	}
	if ask, _ := k.ask(now); ask {
		t.Error("two are asked for at a time")
	}
	k.got(now, "a", now.Add(100*time.Second), nil, standard(), 0)
	if !k.good(now.Add(79*time.Second)) || k.good(now.Add(80*time.Second)) {
		t.Error("not at 80% of its life")
	}
	if k.refused("older"); !k.good(now) {
		t.Error("another token was refused, and this one is no good")
	}
	if k.refused("a"); k.good(now) {
		t.Error("it was refused, and is good")
	}
	if ask, fresh := k.ask(now); !ask || !fresh {
		t.Errorf("after a refusal: ask %t, fresh %t", ask, fresh)
	}
	k.got(now, "", time.Time{}, ErrSignedOut, standard(), highest)
	if ask, _ := k.ask(now.Add(200 * time.Millisecond)); ask {
		t.Error("asked again at once after an error")
	}
	if ask, _ := k.ask(now.Add(time.Second)); !ask {
		t.Error("not asked again after an error")
	}
	k.got(now, "b", now.Add(-time.Hour), nil, standard(), 0) // by a clock that is ahead
	if !k.good(now.Add(7 * time.Second)) {
		t.Error("a token that has just come is not used at all")
	}
	k.got(now, "c", time.Time{}, nil, standard(), 0)
	if !k.good(now.Add(40 * time.Minute)) {
		t.Error("a token that does not say when it ends")
	}
}
