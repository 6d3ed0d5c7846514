package main

import (
	"fmt"
	"strconv"
	"time"

	"bazaar/shared/fault"
	"bazaar/shared/money"
	"bazaar/shared/order"
)

// input is the body of a request. Its JSON is the request's fingerprint.
type input struct {
	Lines         []inputLine  `json:"lines"`
	ExpectedTotal *money.Money `json:"expected_total"`
}

type inputLine struct {
	SKU      string   `json:"sku"`
	Quantity quantity `json:"quantity"`
}

// quantity is a whole number as JSON writes one: no fraction, no exponent, no string.
type quantity int64

// UnmarshalJSON answers whatever is no such number, or none that fits, with the
// one code for a wrong quantity.
func (q *quantity) UnmarshalJSON(text []byte) error {
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return wrongQuantity()
	}
	*q = quantity(n)
	return nil
}

func wrongQuantity() *fault.Error {
	return fault.New(fault.Invalid, "invalid_quantity", "A quantity is a whole number from 1 to %d.", order.MaxQuantity)
}

// check refuses what can be refused without prices.
func (in input) check() error {
	if len(in.Lines) == 0 || len(in.Lines) > order.MaxLines {
		return fault.New(fault.Invalid, "invalid_body", "An order has 1 to %d lines.", order.MaxLines).At("lines")
	}
	seen := make(map[string]bool, len(in.Lines))
	for i, l := range in.Lines {
		if l.Quantity < 1 || l.Quantity > order.MaxQuantity {
			return wrongQuantity().At(fmt.Sprintf("lines[%d].quantity", i))
		}
		if seen[l.SKU] {
			return fault.New(fault.Invalid, "invalid_body", "Another line has the same SKU.").At(fmt.Sprintf("lines[%d].sku", i))
		}
		seen[l.SKU] = true
	}
	return nil
}

// price makes a draft at today's prices, without its ids. Errors: faults
// unknown_sku, currency_mismatch, amount_overflow, and conflict price_changed.
func (in input) price(prices map[string]money.Money) (order.Draft, error) {
	// PostgreSQL keeps microseconds: the draft and the stored order say the same.
	d := order.Draft{Lines: make([]order.Line, len(in.Lines)), PlacedAt: time.Now().UTC().Truncate(time.Microsecond)}
	var total money.Money
	for i, l := range in.Lines {
		unit, known := prices[l.SKU]
		if !known {
			return d, fault.New(fault.Invalid, "unknown_sku", "There is no such product.").At(fmt.Sprintf("lines[%d].sku", i))
		}
		if i == 0 {
			total.Currency = unit.Currency
		}
		line, err := unit.Times(int64(l.Quantity))
		if err == nil {
			total, err = total.Plus(line)
		}
		if err != nil {
			return d, fault.Of(err).At(fmt.Sprintf("lines[%d]", i))
		}
		d.Lines[i] = order.Line{SKU: l.SKU, Quantity: int64(l.Quantity), Amount: unit.Amount}
	}
	if in.ExpectedTotal != nil && *in.ExpectedTotal != total {
		return d, fault.New(fault.Conflict, "price_changed", "The total is %d %s now.", total.Amount, total.Currency).At("expected_total")
	}
	d.Amount, d.Currency = total.Amount, total.Currency
	return d, nil
}
