package money_test

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"bazaar/shared/fault"
	"bazaar/shared/money"
)

func amounts() *rapid.Generator[int64] {
	return rapid.OneOf(rapid.Int64(), rapid.Int64Range(-1000, 1000),
		rapid.SampledFrom([]int64{math.MinInt64, math.MinInt64 + 1, -1, 0, 1, math.MaxInt64 - 1, math.MaxInt64}))
}

func agree(t *rapid.T, got money.Money, err error, want *big.Int) {
	switch {
	case want.IsInt64() && err != nil && want.Int64() != math.MinInt64:
		t.Fatalf("%s refused: %v", want, err)
	case want.IsInt64() && err == nil && got.Amount != want.Int64():
		t.Fatalf("got %d, want %s", got.Amount, want)
	case !want.IsInt64() && !fault.Is(err, "amount_overflow"):
		t.Fatalf("%s does not fit, got %d, %v", want, got.Amount, err)
	}
}

func TestArithmeticAgreesWithBigNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := amounts().Draw(t, "a"), amounts().Draw(t, "b")
		sum, err := money.Money{Amount: a, Currency: "CNY"}.Plus(money.Money{Amount: b, Currency: "CNY"})
		agree(t, sum, err, new(big.Int).Add(big.NewInt(a), big.NewInt(b)))
		if b >= 0 {
			product, err := money.Money{Amount: a, Currency: "CNY"}.Times(b)
			agree(t, product, err, new(big.Int).Mul(big.NewInt(a), big.NewInt(b)))
		}
	})
}

func TestTwoCurrencies(t *testing.T) {
	_, err := money.Money{Amount: 1, Currency: "CNY"}.Plus(money.Money{Amount: 1, Currency: "EUR"})
	if !fault.Is(err, "currency_mismatch") {
		t.Errorf("got %v", err)
	}
	if _, err := (money.Money{Amount: 1, Currency: "CNY"}).Times(-1); !fault.Is(err, "invalid_quantity") {
		t.Errorf("got %v", err)
	}
}

func TestCheckPrice(t *testing.T) {
	for _, c := range []struct {
		price money.Money
		ok    bool
	}{
		{money.Money{Amount: 1, Currency: "CNY"}, true},
		{money.Money{Amount: money.MaxAmount, Currency: "EUR"}, true},
		{money.Money{Amount: 0, Currency: "CNY"}, false},
		{money.Money{Amount: -1, Currency: "CNY"}, false},
		{money.Money{Amount: money.MaxAmount + 1, Currency: "CNY"}, false},
		{money.Money{Amount: 1, Currency: "cny"}, false},
		{money.Money{Amount: 1, Currency: "CNYY"}, false},
		{money.Money{Amount: 1, Currency: ""}, false},
	} {
		if err := c.price.CheckPrice(); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.price, err)
		}
	}
}
