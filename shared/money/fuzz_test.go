package money_test

import (
	"encoding/json"
	"math/big"
	"testing"

	"bazaar/shared/fault"
	"bazaar/shared/money"
)

// FuzzMoney: an amount goes around as JSON, a price keeps its bounds, and
// arithmetic is that of whole numbers or refused.
func FuzzMoney(f *testing.F) {
	for _, body := range []string{`{"amount":1,"currency":"CNY"}`, `{"amount":1000000000001,"currency":"CNY"}`, `{"amount":9223372036854775807,"currency":"EUR"}`,
		`{"amount":-9223372036854775808,"currency":"cny"}`, `{"amount":1e2}`, `{"amount":1.5}`, `{"amount":"1"}`, `null`, `{"currency":"\u0000\u0000\u0000"}`} {
		f.Add([]byte(body), int64(1000))
	}
	f.Fuzz(func(t *testing.T, body []byte, n int64) {
		var m money.Money
		if json.Unmarshal(body, &m) != nil {
			return
		}
		text, err := json.Marshal(m)
		var again money.Money
		if err != nil || json.Unmarshal(text, &again) != nil || again != m {
			t.Errorf("%+v is written as %s and read as %+v, %v", m, text, again, err)
		}
		if err := m.CheckPrice(); err == nil != (m.Amount >= 1 && m.Amount <= money.MaxAmount && money.IsCurrency(m.Currency)) || err != nil && !fault.Is(err, "invalid_price") {
			t.Errorf("%+v as a price: %v", m, err)
		}
		if n >= 0 {
			product, err := m.Times(n)
			exact(t, product, err, new(big.Int).Mul(big.NewInt(m.Amount), big.NewInt(n)))
		}
		sum, err := m.Plus(money.Money{Amount: n, Currency: m.Currency})
		exact(t, sum, err, new(big.Int).Add(big.NewInt(m.Amount), big.NewInt(n)))
	})
}

// exact: the right number, or a refusal of one that does not fit.
func exact(t *testing.T, got money.Money, err error, want *big.Int) {
	t.Helper()
	if err == nil && got.Amount != want.Int64() || err == nil && !want.IsInt64() || err != nil && !fault.Is(err, "amount_overflow") {
		t.Errorf("got %d, %v, want %s", got.Amount, err, want)
	}
}
