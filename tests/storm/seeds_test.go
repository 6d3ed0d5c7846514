package storm_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"bazaar/infra/chat"
	"bazaar/tests/support"
)

// TestSeeds lets people talk while everything goes wrong that a plan has
// thought of, and then asks each client what it saw.
//
//	STORM_SEED      the first seed
//	STORM_SEEDS     how many seeds, from there on
//	STORM_SECONDS   how long the storm of one lasts
//	STORM_RATE      messages a second
func TestSeeds(t *testing.T) {
	first, count := uint64(support.Number(t, "STORM_SEED", 1)), int(support.Number(t, "STORM_SEEDS", 1))
	seconds, rate := support.Number(t, "STORM_SECONDS", 16), support.Number(t, "STORM_RATE", 40)
	var seen strings.Builder
	for seed := first; seed < first+uint64(count); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			fmt.Fprintln(&seen, runSeed(t, seed, rate, time.Duration(seconds*float64(time.Second))))
			if t.Failed() {
				t.Logf("again with: STORM_SEED=%d STORM_SEEDS=1 STORM_SECONDS=%g STORM_RATE=%g go test -race -count=1 -timeout 30m -v ./tests/storm -run 'TestSeeds$'", seed, seconds, rate)
			}
		})
	}
	t.Logf("%g messages a second for %g s each:\n%s", rate, seconds, &seen)
}

// runSeed does what the plan of a seed says and gives what was seen, in a line.
func runSeed(t *testing.T, seed uint64, rate float64, length time.Duration) string {
	h := open(t)
	const users, clients, groups = 280, 300, 60
	c := h.gather(t, fmt.Sprintf("s%d-%d", seed, time.Now().UnixMilli()), users, clients, h.Sockets)
	l := newLife(t, c, seed, groups)
	p := newPlan(seed, length)
	t.Logf("the plan:\n%s", p)
	said := len(h.Said())
	storm, over := context.WithTimeout(t.Context(), length)
	defer over()
	struck := make(chan struct{})
	go func() {
		defer close(struck)
		p.Run(t.Context(), t, h.strike)
	}()
	l.live(storm, rate)
	<-struck
	h.heal(t)
	fell := h.Deaths(said, "")
	if fell < kills(p) {
		t.Errorf("the runner has seen %d processes die, the plan kills %d", fell, kills(p))
	}
	took, records := c.settle(t)
	h.mustHold(t)
	var sessions time.Duration
	if length >= time.Minute {
		sessions = 75 * time.Second // those of a dead node live for one minute
	}
	c.whereabouts(t, sessions)
	return summary(t, seed, fell, took, c, records)
}

// summary is what a seed saw, in a line. A storm in which nothing was said, or
// nobody was refused or cut off, would prove nothing.
func summary(t *testing.T, seed uint64, fell int, took time.Duration, c *crowd, records []chat.Record) string {
	t.Helper()
	sent, failed, shown, removed := 0, 0, 0, 0
	for _, r := range records {
		sent, failed, shown, removed = sent+len(r.Sent), failed+len(r.Failed), shown+len(r.Shown), removed+len(r.Removed)
	}
	for _, yes := range []string{"POST 201", "PUT 201", "DELETE 204"} {
		if c.answers[yes] == 0 {
			t.Errorf("no %s of manage-group; its answers were %v", yes, c.answers)
		}
	}
	if sent == 0 || sent+failed < len(c.queued) || removed == 0 {
		t.Errorf("of %d messages %d were stored and %d refused; %d removals were seen", len(c.queued), sent, failed, removed)
	}
	line := fmt.Sprintf("seed %2d: %d messages stored, %d refused, shown %d times; manage-group answered %v, %d removals seen; %d processes died; settled after %s",
		seed, sent, failed, shown, c.answers, removed, fell, took.Round(100*time.Millisecond))
	t.Log(line)
	return line
}
