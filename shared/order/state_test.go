package order_test

import (
	"testing"

	"pgregory.net/rapid"

	"bazaar/shared/fault"
	"bazaar/shared/order"
)

func verbs() []order.Verb {
	return []order.Verb{order.Reserve, order.Reject, order.Expire, order.Cancel, order.Conclude, order.Pay, order.Ship, order.Receive}
}

func TestEveryTransitionIsFoundAndNoOther(t *testing.T) {
	listed := map[order.State]map[order.Verb]order.State{}
	states := map[order.State]bool{}
	for _, tr := range order.Transitions() {
		if listed[tr.From] == nil {
			listed[tr.From] = map[order.Verb]order.State{}
		}
		if _, twice := listed[tr.From][tr.Verb]; twice {
			t.Errorf("%s by %s is listed twice", tr.From, tr.Verb)
		}
		listed[tr.From][tr.Verb] = tr.To
		states[tr.From], states[tr.To] = true, true
	}
	for from := range states {
		for _, v := range verbs() {
			got, err := order.Find(from, v)
			to, ok := listed[from][v]
			switch {
			case ok && (err != nil || got.To != to):
				t.Errorf("%s by %s: %+v, %v", from, v, got, err)
			case !ok && !fault.Is(err, "invalid_transition"):
				t.Errorf("%s by %s: %+v, %v", from, v, got, err)
			}
		}
	}
}

// Whatever is tried in whatever order, stock is held, sold or free as the state
// says, money is taken at most once, and an end stays an end.
func TestAnyOrderOfEventsKeepsTheBooks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		state, held, sold, paid := order.StatePlaced, 0, 0, 0
		for _, v := range rapid.SliceOfN(rapid.SampledFrom(verbs()), 1, 20).Draw(t, "verbs") {
			tr, err := order.Find(state, v)
			if err != nil {
				continue
			}
			switch v {
			case order.Reserve:
				held++
			case order.Conclude:
				held--
			case order.Pay:
				held, sold, paid = held-1, sold+1, paid+1
			}
			if tr.From == order.StateClosed || tr.From == order.StateRejected || tr.From == order.StateCompleted {
				t.Fatalf("%s was left by %s", tr.From, v)
			}
			state = tr.To
		}
		if (held == 1) != state.Holds() || (sold == 1) != state.Sold() || paid > 1 || held < 0 {
			t.Fatalf("%s: held %d, sold %d, paid %d", state, held, sold, paid)
		}
	})
}
