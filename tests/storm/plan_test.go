package storm_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"bazaar/tests/support"
)

// musts are what goes wrong in every plan.
func musts() support.Plan {
	return support.Plan{
		{Kind: support.Kill, Where: "connector-1"}, {Kind: support.Kill, Where: "connector-2"}, {Kind: support.Stop, Where: "connector-3"},
		{Kind: support.Kill, Where: "push-message"}, {Kind: support.Kill, Where: "sync-messages"}, {Kind: support.Kill, Where: "manage-group"}, {Kind: support.Kill, Where: "trigger"},
		{Kind: support.Kill, Where: "postgres"}, {Kind: support.Kill, Where: "nats"}, {Kind: support.Empty, Where: "redis"}, {Kind: support.Kill, Where: "redis"},
	}
}

// another is how often something else goes wrong, beside what must.
const another = 4 * time.Second

// newPlan spreads over the time, in random order: each of the things that must
// be survived once, and others chosen at random.
func newPlan(seed uint64, length time.Duration) support.Plan {
	random := rand.New(rand.NewPCG(seed, 2))
	faults := musts()
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	node := func() string { return fmt.Sprintf("connector-%d", 1+random.IntN(connectors)) }
	for range int(length / another) {
		switch random.IntN(6) {
		case 0, 1:
			faults = append(faults, support.Fault{Kind: support.Kill, Where: node()})
		case 2:
			faults = append(faults, support.Fault{Kind: support.Stop, Where: node()})
		case 3:
			faults = append(faults, support.Fault{Kind: support.Kill, Where: pick("push-message-1", "push-message-2", "push-message", "sync-messages", "manage-group", "trigger")})
		case 4:
			faults = append(faults, support.Fault{Kind: support.Stop, Where: pick("push-message", "sync-messages", "manage-group", "trigger", "redis", "nats", "postgres")})
		default:
			faults = append(faults, support.Fault{Kind: support.Kill, Where: pick("postgres", "nats", "redis")})
		}
	}
	for i := range faults {
		if f := &faults[i]; f.Kind == support.Stop {
			f.Last = time.Duration(300+random.IntN(2700)) * time.Millisecond
			if random.IntN(4) == 0 && strings.HasPrefix(f.Where, "connector") {
				f.Last *= 4 // until its clients have left it
			}
		}
	}
	faults.Spread(random, 0.1, 0.95, length)
	return faults
}

// kills are how many of them kill something.
func kills(p support.Plan) (n int) {
	for _, f := range p {
		if f.Kind == support.Kill {
			n++
		}
	}
	return n
}

// strike does one fault and undoes it when it has lasted long enough.
func (h *house) strike(ctx context.Context, f support.Fault) error {
	switch f.Kind {
	case support.Kill:
		return h.KillAll(ctx, f.Where)
	case support.Empty:
		var err error // it may be just about to start again
		support.Within(time.Minute, func() bool { err = h.redis.FlushAll(ctx).Err(); return err == nil || ctx.Err() != nil })
		if err != nil {
			return fmt.Errorf("emptying Redis: %w", err)
		}
		return nil
	}
	if err := h.Signal(f.Where, syscall.SIGSTOP); err != nil {
		return err
	}
	support.Pause(ctx, f.Last)
	return h.Signal(f.Where, syscall.SIGCONT)
}

// TestAPlanFollowsItsSeed alone: a seed that failed fails again.
func TestAPlanFollowsItsSeed(t *testing.T) {
	t.Parallel()
	support.FollowsItsSeed(t, newPlan)
}

// TestEveryPlanDoesWhatItMust before the storm is over.
func TestEveryPlanDoesWhatItMust(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		if missing := newPlan(seed, time.Minute).Lacks(musts(), time.Minute); len(missing) > 0 {
			t.Errorf("the plan of seed %d lacks %v", seed, missing)
		}
	}
}
