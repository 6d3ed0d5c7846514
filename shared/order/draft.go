package order

import (
	"fmt"
	"strings"
	"time"

	"bazaar/shared/fault"
	"bazaar/shared/money"
)

// Limits of one order.
const (
	MaxLines    = 50
	MaxQuantity = 1000
)

// What an index of PostgreSQL takes, in bytes, with room to spare: a SKU is 64
// at most, and so is a user id of ours.
const (
	longestSKU  = 64
	longestUser = 256
)

// Draft is an order as it was accepted: priced once, never again. It is the
// data of the event Placed.
type Draft struct {
	OrderID     string    `json:"order_id"`
	UserID      string    `json:"user_id"`
	Fingerprint string    `json:"fingerprint"` // of the request
	Lines       []Line    `json:"lines"`
	Amount      int64     `json:"amount"` // minor units, all lines
	Currency    string    `json:"currency"`
	PlacedAt    time.Time `json:"placed_at"`
	// TraceParent is the trace that placed it. It travels in the event's
	// attributes, not in its data.
	TraceParent string `json:"-"`
}

// Line is one SKU of an order at the price it was accepted for.
type Line struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
	Amount   int64  `json:"amount"` // minor units, one unit
}

// Validate refuses a draft that no create-order of ours can have written, or that
// PostgreSQL cannot store. The sum is checked by division, so that no product
// overflows.
func (d Draft) Validate() error {
	if !IsID(d.OrderID) || !storable(d.UserID, longestUser) || !money.IsCurrency(d.Currency) || d.PlacedAt.IsZero() || strings.ContainsRune(d.Fingerprint, 0) {
		return fault.New(fault.Invalid, "invalid_order", "An attribute of the order is missing or wrong.")
	}
	if len(d.Lines) == 0 || len(d.Lines) > MaxLines {
		return fault.New(fault.Invalid, "invalid_order", "An order has 1 to %d lines.", MaxLines).At("lines")
	}
	rest := d.Amount
	seen := make(map[string]bool, len(d.Lines))
	for i, l := range d.Lines {
		at := func(field string) string { return fmt.Sprintf("lines[%d].%s", i, field) }
		switch {
		case !storable(l.SKU, longestSKU) || seen[l.SKU]:
			return fault.New(fault.Invalid, "invalid_order", "A line has no SKU, or one that another line has.").At(at("sku"))
		case l.Quantity < 1 || l.Quantity > MaxQuantity:
			return fault.New(fault.Invalid, "invalid_quantity", "A quantity is 1 to %d.", MaxQuantity).At(at("quantity"))
		case l.Amount < 0 || l.Amount > rest/l.Quantity:
			return fault.New(fault.Invalid, "invalid_order", "The lines do not add up to the order's amount.").At(at("amount"))
		}
		seen[l.SKU] = true
		rest -= l.Amount * l.Quantity
	}
	if rest != 0 {
		return fault.New(fault.Invalid, "invalid_order", "The lines do not add up to the order's amount.").At("amount")
	}
	return nil
}

// storable reports whether text can be a column that is in an index: something,
// not too long, without the NUL that PostgreSQL has no room for.
func storable(text string, longest int) bool {
	return text != "" && len(text) <= longest && !strings.ContainsRune(text, 0)
}
