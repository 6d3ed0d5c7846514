package stock

import (
	"testing"

	"pgregory.net/rapid"
)

func TestDecideNeverGrantsMoreThanThereIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"a", "b", "c"}
		before, available := map[string]int64{}, map[string]int64{}
		for _, n := range names {
			before[n] = rapid.Int64Range(0, 20).Draw(t, n)
			available[n] = before[n]
		}
		demands := make([]Demand, rapid.IntRange(1, 15).Draw(t, "demands"))
		for i := range demands {
			for _, n := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, 3, rapid.ID).Draw(t, "skus") {
				demands[i].Lines = append(demands[i].Lines, Line{n, rapid.Int64Range(1, 9).Draw(t, "quantity")})
			}
		}
		verdicts := decide(available, demands)
		taken := map[string]int64{}
		for i, v := range verdicts {
			if !v.Granted {
				if v.Lacking == "" {
					t.Fatalf("demand %d was refused without a reason", i)
				}
				continue
			}
			for _, l := range demands[i].Lines {
				taken[l.SKU] += l.Quantity
			}
		}
		for _, n := range names {
			if taken[n] > before[n] || available[n] != before[n]-taken[n] {
				t.Fatalf("%s: %d of %d taken, %d left", n, taken[n], before[n], available[n])
			}
		}
	})
}

func TestEffectsMoveUnitsAndMakeNone(t *testing.T) {
	for _, k := range []Kind{Reserve, Confirm, Release, Return} {
		if e := k.effect(); e.available+e.reserved+e.sold != 0 || e == (effect{}) {
			t.Errorf("%s makes or loses units: %+v", k, e)
		}
	}
	if e := Restock.effect(); e != (effect{available: 1}) {
		t.Errorf("restock: %+v", e)
	}
}
