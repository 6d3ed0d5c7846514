// Package stock is what can be sold: for each SKU the units that are available,
// reserved and sold, and the append-only ledger of what changed them and why.
// It owns the schema stock. It does not know what a reference stands for: an
// order's id, or a restock's.
//
// The guard against overselling is in the database, twice: the row lock under
// which a reservation is decided, with the condition on available repeated in
// the update, and a CHECK on the table.
package stock

import (
	"cmp"
	"maps"
	"slices"
)

// Item is the stock of a SKU, in units.
type Item struct {
	SKU       string `json:"sku"`
	Available int64  `json:"available"`
	Reserved  int64  `json:"reserved"`
	Sold      int64  `json:"sold"`
}

// Line is a number of units of a SKU.
type Line struct {
	SKU      string
	Quantity int64
}

// Demand is what one reference wants: all its lines or none.
type Demand struct {
	Reference string // a UUID
	Lines     []Line
}

// Verdict is the answer to a Demand.
type Verdict struct {
	Reference string
	Granted   bool
	Lacking   string // the first SKU that fell short
}

// Kind is why an entry of the ledger was written. With the reference and the
// SKU it is the entry's key: one reference has each effect once.
type Kind string

// The kinds, and what each adds per unit to (available, reserved, sold).
const (
	Restock Kind = "restock" // +1  0  0
	Reserve Kind = "reserve" // -1 +1  0
	Confirm Kind = "confirm" //  0 -1 +1
	Release Kind = "release" // +1 -1  0
	Return  Kind = "return"  // +1  0 -1
)

// effect is what one unit of a kind changes.
type effect struct{ available, reserved, sold int64 }

func (k Kind) effect() effect {
	switch k {
	case Restock:
		return effect{available: 1}
	case Reserve:
		return effect{available: -1, reserved: 1}
	case Confirm:
		return effect{reserved: -1, sold: 1}
	case Release:
		return effect{available: 1, reserved: -1}
	case Return:
		return effect{available: 1, sold: -1}
	}
	return effect{}
}

// decide grants each demand in turn from what is available, which it changes.
func decide(available map[string]int64, demands []Demand) []Verdict {
	verdicts := make([]Verdict, len(demands))
	for i, d := range demands {
		v := Verdict{Reference: d.Reference, Granted: true}
		for _, l := range d.Lines {
			if available[l.SKU] < l.Quantity {
				v.Granted, v.Lacking = false, l.SKU
				break
			}
		}
		if v.Granted {
			for _, l := range d.Lines {
				available[l.SKU] -= l.Quantity
			}
		}
		verdicts[i] = v
	}
	return verdicts
}

// skus are the SKUs of the demands, each once, in the order in which rows are locked.
func skus(demands []Demand) []string {
	set := map[string]struct{}{}
	for _, d := range demands {
		for _, l := range d.Lines {
			set[l.SKU] = struct{}{}
		}
	}
	return slices.SortedFunc(maps.Keys(set), cmp.Compare[string])
}

// granted keeps the demands whose verdict is yes.
func granted(demands []Demand, verdicts []Verdict) []Demand {
	var yes []Demand
	for i, v := range verdicts {
		if v.Granted {
			yes = append(yes, demands[i])
		}
	}
	return yes
}
