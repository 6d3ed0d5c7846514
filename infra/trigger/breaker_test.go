package trigger

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestBreakerPausesOnceForCallsUnderWay(t *testing.T) {
	t.Parallel()
	b := newBreaker()
	now := time.Now()
	first, _, _, _ := b.try(now)
	second, _, _, _ := b.try(now)
	pause := b.trip(first, 0, now)
	if pause < firstPause || pause > 2*firstPause {
		t.Errorf("pause %s", pause)
	}
	if again := b.trip(second, 0, now); again != 0 {
		t.Errorf("the second of two calls made together pauses again, for %s", again)
	}
	if b.settle(second) || !b.open() {
		t.Error("an older success ends the pause")
	}
}

func TestBreakerProbes(t *testing.T) {
	t.Parallel()
	b := newBreaker()
	now := time.Now()
	one, _, _, _ := b.try(now)
	pause := b.trip(one, 3*time.Second, now)
	if pause < 3*time.Second || pause > 4*time.Second {
		t.Errorf("Retry-After 3 s pauses for %s", pause)
	}
	if _, ok, again, _ := b.try(now.Add(time.Second)); ok || again != pause-time.Second {
		t.Errorf("a call in the pause: %t, again in %s", ok, again)
	}
	now = now.Add(pause)
	probe, ok, _, _ := b.try(now)
	if !ok {
		t.Fatal("no call after the pause")
	}
	if _, ok, _, _ := b.try(now); ok {
		t.Error("a second call while the first decides")
	}
	b.abandon(probe)
	if probe, ok, _, _ = b.try(now); !ok {
		t.Error("no call after the first was given up")
	}
	if longer := b.trip(probe, 0, now); longer < 2*firstPause {
		t.Errorf("the second pause is %s", longer)
	}
	now = now.Add(time.Minute)
	probe, _, _, _ = b.try(now)
	if !b.settle(probe) || b.open() {
		t.Error("a success does not end the pauses")
	}
}

func TestBreakerPausesAreBounded(t *testing.T) {
	t.Parallel()
	b := newBreaker()
	now := time.Now()
	for range 100 {
		ticket, ok, _, _ := b.try(now)
		if !ok {
			t.Fatal("it gave up")
		}
		if pause := b.trip(ticket, 0, now); pause > longestPause+longestPause/pauseJitterPart {
			t.Fatalf("pause %s", pause)
		}
		now = b.until
	}
	ticket, _, _, _ := b.try(now)
	if pause := b.trip(ticket, 24*time.Hour, now); pause > 2*longestObeyed {
		t.Errorf("a Retry-After of a day pauses for %s", pause)
	}
}

func TestShutHoldsEverythingBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker()
		b.setShut(true)
		entered, fetched := false, false
		go func() {
			_, err := b.enter(t.Context())
			entered = err == nil
		}()
		go func() { fetched = b.fetch(t.Context(), func() bool { return false }) == nil }()
		synctest.Wait()
		time.Sleep(time.Hour) // of the bubble's clock
		if entered || fetched {
			t.Error("it lets something through")
		}
		b.setShut(false)
		synctest.Wait()
		if !entered || !fetched {
			t.Error("it goes on holding back")
		}
	})
}

// After a pause nothing more is fetched while something is held that can decide.
func TestFetchAfterAPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker()
		ticket, _ := b.enter(t.Context())
		b.trip(ticket, 0, time.Now())
		fetched := false
		go func() { fetched = b.fetch(t.Context(), func() bool { return true }) == nil }()
		time.Sleep(time.Minute) // of the bubble's clock
		if fetched {
			t.Error("it fetches while the function is away")
		}
		probe, _ := b.enter(t.Context())
		b.settle(probe)
		synctest.Wait()
		if !fetched {
			t.Error("it does not fetch when the function is back")
		}
	})
}
