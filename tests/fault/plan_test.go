package fault_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"

	"bazaar/tests/support"
)

// What is done beside killing, pausing and emptying.
const (
	slow    support.FaultKind = "slow"    // a link delays what it carries
	cut     support.FaultKind = "cut"     // a link ends, and refuses
	reset   support.FaultKind = "reset"   // a link is reset at the first byte
	swallow support.FaultKind = "swallow" // a link takes everything and passes nothing on
	die     support.FaultKind = "die"     // the next process at a named point kills itself
)

// musts are what goes wrong in every plan.
func musts() support.Plan {
	return support.Plan{
		{Kind: support.Kill, Where: "create-order"}, {Kind: support.Kill, Where: "reserve-stock"}, {Kind: support.Kill, Where: "settle-order"},
		{Kind: support.Kill, Where: "trigger"}, {Kind: support.Empty, Where: "redis"}, {Kind: support.Kill, Where: "postgres"}, {Kind: support.Kill, Where: "nats"},
	}
}

// newPlan spreads over the time, in random order, when orders are under way: each of the things that must
// be survived once, and some chosen at random.
func newPlan(seed uint64, length time.Duration) support.Plan {
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
			faults = append(faults, support.Fault{Kind: support.Kill, Where: pick("payment-callback", "create-payment", "manage-order", "redis")})
		case 1, 2:
			faults = append(faults, support.Fault{Kind: support.Stop, Last: brief(),
				Where: pick("create-order", "reserve-stock", "settle-order", "trigger", "redis", "nats", "postgres")})
		case 3, 4:
			faults = append(faults, support.Fault{Kind: support.FaultKind(pick(string(slow), string(cut), string(reset), string(swallow))), Where: pick(ways...), Last: brief()})
		default:
			faults = append(faults, support.Fault{Kind: die, Where: pick(points()...)})
		}
	}
	faults.Spread(random, 0.15, 0.95, length)
	return faults
}

// strike does one fault and undoes it when it has lasted long enough.
func (h *house) strike(ctx context.Context, f support.Fault) error {
	way := link(f.Where)
	switch f.Kind {
	case support.Kill:
		return h.KillAll(ctx, f.Where)
	case die:
		return h.armPoint(f.Where)
	case support.Empty:
		var err error // it may be just about to start again
		within(patience, func() bool { err = h.forget(ctx); return err == nil || ctx.Err() != nil })
		return err
	case support.Stop:
		if err := h.Signal(f.Where, syscall.SIGSTOP); err != nil {
			return err
		}
		support.Pause(ctx, f.Last)
		return h.Signal(f.Where, syscall.SIGCONT)
	case cut:
		h.network.cut(way)
		support.Pause(ctx, f.Last)
		return h.network.join(way)
	}
	var err error
	switch f.Kind {
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
	support.Pause(ctx, f.Last)
	return h.network.calm(ctx, way)
}
