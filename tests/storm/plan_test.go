package storm_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"bazaar/tests/support"
)

// kind is what is done to a part.
type kind string

const (
	kill  kind = "kill"  // kill -9; the runner starts it again
	stop  kind = "pause" // SIGSTOP, later SIGCONT
	empty kind = "empty" // Redis forgets everything
)

// fault is one thing that goes wrong.
type fault struct {
	at    time.Duration // from the beginning of the storm
	kind  kind
	where string // a part, or one instance of it
	last  time.Duration
}

func (f fault) String() string {
	text := fmt.Sprintf("%7s %s %s", f.at.Round(time.Millisecond), f.kind, f.where)
	if f.last > 0 {
		text += " for " + f.last.Round(time.Millisecond).String()
	}
	return text
}

// plan is what goes wrong, in its order. The same seed gives the same plan.
type plan []fault

// musts are what goes wrong in every plan.
func musts() plan {
	return plan{
		{kind: kill, where: "connector-1"}, {kind: kill, where: "connector-2"}, {kind: stop, where: "connector-3"},
		{kind: kill, where: "push-message"}, {kind: kill, where: "sync-messages"}, {kind: kill, where: "manage-group"}, {kind: kill, where: "trigger"},
		{kind: kill, where: "postgres"}, {kind: kill, where: "nats"}, {kind: empty, where: "redis"}, {kind: kill, where: "redis"},
	}
}

// another is how often something else goes wrong, beside what must.
const another = 4 * time.Second

// newPlan spreads over the time, in random order: each of the things that must
// be survived once, and others chosen at random.
func newPlan(seed uint64, length time.Duration) plan {
	random := rand.New(rand.NewPCG(seed, 2))
	faults := musts()
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	node := func() string { return fmt.Sprintf("connector-%d", 1+random.IntN(connectors)) }
	for range int(length / another) {
		switch random.IntN(6) {
		case 0, 1:
			faults = append(faults, fault{kind: kill, where: node()})
		case 2:
			faults = append(faults, fault{kind: stop, where: node()})
		case 3:
			faults = append(faults, fault{kind: kill, where: pick("push-message-1", "push-message-2", "push-message", "sync-messages", "manage-group", "trigger")})
		case 4:
			faults = append(faults, fault{kind: stop, where: pick("push-message", "sync-messages", "manage-group", "trigger", "redis", "nats", "postgres")})
		default:
			faults = append(faults, fault{kind: kill, where: pick("postgres", "nats", "redis")})
		}
	}
	for i := range faults {
		if f := &faults[i]; f.kind == stop {
			f.last = time.Duration(300+random.IntN(2700)) * time.Millisecond
			if random.IntN(4) == 0 && strings.HasPrefix(f.where, "connector") {
				f.last *= 4 // until its clients have left it
			}
		}
	}
	random.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
	for i := range faults {
		share := (float64(i) + random.Float64()) / float64(len(faults))
		faults[i].at = time.Duration((0.1 + 0.85*share) * float64(length))
	}
	return faults
}

func (p plan) String() string {
	var text strings.Builder
	for _, f := range p {
		fmt.Fprintf(&text, "  %s\n", f)
	}
	return text.String()
}

// kills are how many of them kill something.
func (p plan) kills() (n int) {
	for _, f := range p {
		if f.kind == kill {
			n++
		}
	}
	return n
}

// run does every fault at its time, and returns when the last one is over.
func (p plan) run(ctx context.Context, t testing.TB, h *house) {
	began := time.Now()
	var all sync.WaitGroup
	for _, f := range p {
		all.Go(func() {
			pause(ctx, time.Until(began.Add(f.at)))
			if ctx.Err() != nil {
				return
			}
			if err := h.strike(ctx, f); err != nil {
				t.Errorf("%s: %v", f, err)
			}
		})
	}
	all.Wait()
}

// strike does one fault and undoes it when it has lasted long enough.
func (h *house) strike(ctx context.Context, f fault) error {
	switch f.kind {
	case kill:
		return h.KillAll(ctx, f.where)
	case empty:
		var err error // it may be just about to start again
		support.Within(time.Minute, func() bool { err = h.redis.FlushAll(ctx).Err(); return err == nil || ctx.Err() != nil })
		if err != nil {
			return fmt.Errorf("emptying Redis: %w", err)
		}
		return nil
	}
	if err := h.Signal(f.where, syscall.SIGSTOP); err != nil {
		return err
	}
	pause(ctx, f.last)
	return h.Signal(f.where, syscall.SIGCONT)
}

// TestAPlanFollowsItsSeed alone: a seed that failed fails again.
func TestAPlanFollowsItsSeed(t *testing.T) {
	t.Parallel()
	if a, b := newPlan(7, time.Minute).String(), newPlan(7, time.Minute).String(); a != b {
		t.Errorf("one seed, two plans:\n%s\n%s", a, b)
	}
	if newPlan(7, time.Minute).String() == newPlan(8, time.Minute).String() {
		t.Error("two seeds, one plan")
	}
}

// TestEveryPlanDoesWhatItMust before the storm is over.
func TestEveryPlanDoesWhatItMust(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		p := newPlan(seed, time.Minute)
		for _, m := range musts() {
			if !slices.ContainsFunc(p, func(f fault) bool { return f.kind == m.kind && f.where == m.where && f.at < time.Minute }) {
				t.Errorf("the plan of seed %d lacks %s %s", seed, m.kind, m.where)
			}
		}
	}
}
