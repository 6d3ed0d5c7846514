package fault_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bazaar/tests/support"
)

// TestSeeds sends orders while everything goes wrong that a plan has thought of.
//
//	FAULT_SEED      one seed, again
//	FAULT_SEEDS     how many seeds
//	FAULT_SECONDS   how long the load of one lasts
//	FAULT_RATE      arrivals a second
//	FAULT_SHARE     instead: the part of what is accepted here when nothing goes wrong
func TestSeeds(t *testing.T) {
	first, count := uint64(1), int(support.Number(t, "FAULT_SEEDS", 2))
	if one := support.Number(t, "FAULT_SEED", 0); one > 0 {
		first, count = uint64(one), 1
	}
	seconds, rate := support.Number(t, "FAULT_SECONDS", 10), support.Number(t, "FAULT_RATE", 40)
	if share := support.Number(t, "FAULT_SHARE", 0); share > 0 {
		rate = float64(int(share * open(t).capacity(t)))
	}
	var seen strings.Builder
	for seed := first; seed < first+uint64(count); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			fmt.Fprintln(&seen, runSeed(t, seed, rate, time.Duration(seconds*float64(time.Second))))
			if t.Failed() {
				t.Logf("again with: FAULT_SEED=%d FAULT_SECONDS=%g FAULT_RATE=%g go test -count=1 -v ./tests/fault -run 'TestSeeds$'", seed, seconds, rate)
			}
		})
	}
	t.Logf("%g arrivals a second for %g s each:\n%s", rate, seconds, &seen)
}

// capacity measures how many orders a second are accepted when nothing goes
// wrong, by buyers who do wait for their answers.
func (h *house) capacity(t *testing.T) float64 {
	t.Helper()
	const buyers, seconds = 32, 5
	l := newLoad(t, h, 0, 5000, time.Second)
	over := time.Now().Add(seconds * time.Second)
	var accepted atomic.Int64
	var all sync.WaitGroup
	for i := range buyers {
		random := rand.New(rand.NewPCG(0, uint64(i)))
		all.Go(func() {
			for time.Now().Before(over) {
				if l.order(random).ask(0).Status == http.StatusAccepted {
					accepted.Add(1)
				}
			}
		})
	}
	all.Wait()
	h.drained(t)
	t.Logf("%d orders a second are accepted here", accepted.Load()/seconds)
	return float64(accepted.Load()) / seconds
}

// runSeed does what the plan of a seed says and gives what was seen, in a line.
func runSeed(t *testing.T, seed uint64, rate float64, length time.Duration) (seen string) {
	h := open(t)
	p := newPlan(seed, length)
	l := newLoad(t, h, seed, rate, length)
	t.Logf("the plan:\n%s", p)
	if missing := p.Lacks(musts(), length); len(missing) > 0 {
		t.Fatalf("the plan lacks %v", missing)
	}
	said := len(h.Said())
	struck := make(chan struct{})
	go func() {
		defer close(struck)
		p.Run(t.Context(), t, h.strike)
	}()
	records := l.run(t.Context())
	<-struck
	over := time.Now()
	h.heal(t)
	counts, fell := tally(records), h.Deaths(said, "")
	if counts["202"] == 0 {
		t.Error("nothing was accepted under load: nothing could be lost")
	}
	for _, f := range p {
		if f.Kind == support.Kill && h.Deaths(said, f.Where) == 0 {
			t.Errorf("the runner has not seen %s die", f.Where)
		}
	}
	h.settle(t, records)
	seen = fmt.Sprintf("seed %2d: %d orders, %d processes died, all settled after %s; answers %v",
		seed, len(records), fell, time.Since(over).Round(100*time.Millisecond), counts)
	t.Log(seen)
	h.mustHold(t, records)
	return seen
}

// TestAPlanFollowsItsSeed alone: a seed that failed fails again.
func TestAPlanFollowsItsSeed(t *testing.T) {
	t.Parallel()
	support.FollowsItsSeed(t, newPlan)
}

// TestAPlanThatLacksSomethingIsRefused whatever it lacks; no seed gives one.
func TestAPlanThatLacksSomethingIsRefused(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		if missing := newPlan(seed, time.Minute).Lacks(musts(), time.Minute); len(missing) > 0 {
			t.Errorf("the plan of seed %d lacks %v", seed, missing)
		}
	}
	for _, must := range []string{
		"kill create-order", "kill reserve-stock", "kill settle-order", "kill trigger", "empty redis", "kill postgres", "kill nats",
	} {
		is := func(f support.Fault) bool { return fmt.Sprintf("%s %s", f.Kind, f.Where) == must }
		without, late := slices.DeleteFunc(newPlan(7, time.Minute), is), newPlan(7, time.Minute)
		for i, f := range late {
			if is(f) {
				late[i].At = time.Hour
			}
		}
		if missing := without.Lacks(musts(), time.Minute); !slices.Equal(missing, []string{must}) {
			t.Errorf("a plan without %s lacks %v", must, missing)
		}
		if missing := late.Lacks(musts(), time.Minute); !slices.Equal(missing, []string{must}) {
			t.Errorf("a plan with %s after the load lacks %v", must, missing)
		}
	}
}
