// Package money is an amount in a currency: whole minor units, checked
// arithmetic, no floats. It does not parse decimal strings, round or convert.
package money

import (
	"math"

	"bazaar/shared/fault"
)

// MaxAmount is the largest amount that may come from outside: 10^12 minor units.
const MaxAmount = 1_000_000_000_000

// Money is Amount minor units (fen, cents) of Currency, an ISO 4217 code.
type Money struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

// Times is m n times over. Errors: fault invalid `amount_overflow` when it does
// not fit into an int64; n must not be negative (`invalid_quantity`).
func (m Money) Times(n int64) (Money, error) {
	if n < 0 {
		return Money{}, fault.New(fault.Invalid, "invalid_quantity", "A quantity is not negative.")
	}
	if n == 0 || m.Amount == 0 {
		return Money{0, m.Currency}, nil
	}
	product := m.Amount * n
	if product/n != m.Amount || m.Amount == math.MinInt64 {
		return Money{}, overflow()
	}
	return Money{product, m.Currency}, nil
}

// Plus is the sum. Errors: fault invalid `currency_mismatch` for two currencies,
// `amount_overflow` when the sum does not fit into an int64.
func (m Money) Plus(o Money) (Money, error) {
	if m.Currency != o.Currency {
		return Money{}, fault.New(fault.Invalid, "currency_mismatch", "%s and %s cannot be added.", m.Currency, o.Currency)
	}
	sum := m.Amount + o.Amount
	if (o.Amount > 0) != (sum > m.Amount) && o.Amount != 0 {
		return Money{}, overflow()
	}
	return Money{sum, m.Currency}, nil
}

// CheckPrice is nil when m may be the price of something: 1..MaxAmount minor
// units of a currency of three capital letters. Errors: fault invalid `invalid_price`.
func (m Money) CheckPrice() error {
	if m.Amount < 1 || m.Amount > MaxAmount {
		return fault.New(fault.Invalid, "invalid_price", "A price is 1 to %d minor units.", int64(MaxAmount)).At("price.amount")
	}
	if !IsCurrency(m.Currency) {
		return fault.New(fault.Invalid, "invalid_price", "A currency is three capital letters.").At("price.currency")
	}
	return nil
}

// IsCurrency reports whether code has the form of an ISO 4217 code: three
// capital letters. It does not know which there are.
func IsCurrency(code string) bool {
	if len(code) != 3 {
		return false
	}
	for _, letter := range []byte(code) {
		if letter < 'A' || letter > 'Z' {
			return false
		}
	}
	return true
}

func overflow() error {
	return fault.New(fault.Invalid, "amount_overflow", "The amount is too large.")
}
