package fault_test

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
)

// kind is what is done to a part or a link.
type kind string

const (
	kill    kind = "kill"    // kill -9; the runner starts it again
	stop    kind = "pause"   // SIGSTOP, later SIGCONT
	empty   kind = "empty"   // Redis forgets everything
	slow    kind = "slow"    // a link delays what it carries
	cut     kind = "cut"     // a link ends, and refuses
	reset   kind = "reset"   // a link is reset at the first byte
	swallow kind = "swallow" // a link takes everything and passes nothing on
	die     kind = "die"     // the next process at a named point kills itself
)

// fault is one thing that goes wrong.
type fault struct {
	at    time.Duration // from the beginning of the load
	kind  kind
	where string // a part, a link or a point
	last  time.Duration
}

func (f fault) String() string {
	text := fmt.Sprintf("%6s %s %s", f.at.Round(time.Millisecond), f.kind, f.where)
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
		{kind: kill, where: "create-order"}, {kind: kill, where: "reserve-stock"}, {kind: kill, where: "settle-order"},
		{kind: kill, where: "trigger"}, {kind: empty, where: "redis"}, {kind: kill, where: "postgres"}, {kind: kill, where: "nats"},
	}
}

// lacks is what the plan does not do while the load lasts, and must.
func (p plan) lacks(length time.Duration) []string {
	var missing []string
	for _, m := range musts() {
		if !slices.ContainsFunc(p, func(f fault) bool { return f.kind == m.kind && f.where == m.where && f.at < length }) {
			missing = append(missing, fmt.Sprintf("%s %s", m.kind, m.where))
		}
	}
	return missing
}

// newPlan spreads over the time, in random order, when orders are under way: each of the things that must
// be survived once, and some chosen at random.
func newPlan(seed uint64, length time.Duration) plan {
	random := rand.New(rand.NewPCG(seed, 2))
	faults := musts()
	ways := make([]string, 0, len(links()))
	for l := range links() {
		ways = append(ways, string(l))
	}
	slices.Sort(ways)
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	brief := func() time.Duration { return time.Duration(200+random.IntN(1800)) * time.Millisecond }
	for range 5 {
		switch random.IntN(7) {
		case 0:
			faults = append(faults, fault{kind: kill, where: pick("payment-callback", "create-payment", "manage-order", "redis")})
		case 1, 2:
			faults = append(faults, fault{kind: stop, last: brief(),
				where: pick("create-order", "reserve-stock", "settle-order", "trigger", "redis", "nats", "postgres")})
		case 3, 4:
			faults = append(faults, fault{kind: kind(pick(string(slow), string(cut), string(reset), string(swallow))), where: pick(ways...), last: brief()})
		default:
			faults = append(faults, fault{kind: die, where: pick(points()...)})
		}
	}
	random.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
	for i := range faults {
		share := (float64(i) + random.Float64()) / float64(len(faults))
		faults[i].at = time.Duration((0.15 + 0.8*share) * float64(length))
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
	way := link(f.where)
	switch f.kind {
	case kill:
		return h.KillAll(ctx, f.where)
	case die:
		return h.armPoint(f.where)
	case empty:
		var err error // it may be just about to start again
		within(patience, func() bool { err = h.forget(ctx); return err == nil || ctx.Err() != nil })
		return err
	case stop:
		if err := h.Signal(f.where, syscall.SIGSTOP); err != nil {
			return err
		}
		pause(ctx, f.last)
		return h.Signal(f.where, syscall.SIGCONT)
	case cut:
		h.network.cut(way)
		pause(ctx, f.last)
		return h.network.join(way)
	}
	var err error
	switch f.kind {
	case slow:
		err = h.network.disturb(way, "latency", map[string]int{"latency": 150, "jitter": 100})
	case reset:
		err = h.network.disturb(way, "reset_peer", map[string]int{"timeout": 0})
	default:
		err = h.network.disturb(way, "timeout", map[string]int{"timeout": 0})
	}
	if err != nil {
		return err
	}
	pause(ctx, f.last)
	return h.network.calm(ctx, way)
}
