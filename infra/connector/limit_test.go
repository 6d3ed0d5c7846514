package connector

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestARateHasItsBurstAndThenItsInterval(t *testing.T) {
	t.Parallel()
	r := rate{interval: 50 * time.Millisecond, burst: 50}
	var a allowance
	now := time.Hour
	for i := range 50 {
		if ok, _ := a.take(now, r); !ok {
			t.Fatalf("number %d of the burst was refused", i+1)
		}
	}
	if ok, after := a.take(now, r); ok || after != 50*time.Millisecond {
		t.Errorf("one more: %t, after %s", ok, after)
	}
	if ok, after := a.take(now+49*time.Millisecond, r); ok || after != time.Millisecond {
		t.Errorf("a moment too early: %t, after %s", ok, after)
	}
	for i := range 20 {
		now += 50 * time.Millisecond
		if ok, _ := a.take(now, r); !ok {
			t.Errorf("number %d of the second was refused", i+1)
		}
	}
	now += time.Hour
	for i := range 51 {
		if ok, _ := a.take(now, r); ok != (i < 50) {
			t.Errorf("number %d after a long rest: %t", i+1, ok)
		}
	}
}

func TestTheTenthMistakeIsTooMany(t *testing.T) {
	t.Parallel()
	var q quota
	for i := range 10 {
		if ok, _ := q.mistakes.take(time.Second*time.Duration(i/2), standardRates().mistakes); ok != (i < 9) {
			t.Errorf("mistake %d: %t", i+1, ok)
		}
	}
}

// TestNobodyGetsMore: in any stretch of time there are at most the burst and one
// for each interval, and who waits as long as was said is served.
func TestNobodyGetsMore(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := rate{interval: time.Duration(rapid.Int64Range(1, 1000).Draw(t, "interval")), burst: rapid.IntRange(1, 20).Draw(t, "burst")}
		var a allowance
		var taken []time.Duration
		now := time.Duration(rapid.Int64Range(0, 5000).Draw(t, "start"))
		for range rapid.IntRange(1, 100).Draw(t, "tries") {
			now += time.Duration(rapid.Int64Range(0, 1500).Draw(t, "passed"))
			ok, after := a.take(now, r)
			if !ok {
				if after <= 0 {
					t.Fatalf("refused for %s", after)
				}
				if now += after; rapid.Bool().Draw(t, "waits") {
					if ok, after = a.take(now, r); !ok {
						t.Fatalf("refused after the wait, for %s", after)
					}
				}
			}
			if ok {
				taken = append(taken, now)
			}
		}
		for i := range taken {
			for j := i; j < len(taken); j++ {
				if most := r.burst + int((taken[j]-taken[i])/r.interval); j-i+1 > most {
					t.Fatalf("%d in %s, want at most %d", j-i+1, taken[j]-taken[i], most)
				}
			}
		}
	})
}
