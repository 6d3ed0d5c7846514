package catalog

import (
	"strings"
	"testing"
	"unicode/utf8"

	"bazaar/shared/fault"
	"bazaar/shared/money"
)

// FuzzCursor: what is taken for a cursor can be compared with a SKU, and the
// cursor of that SKU leads there again.
func FuzzCursor(f *testing.F) {
	for _, text := range []string{"", cursor("tea"), cursor("tea") + "=", "dGVh\n", "!", cursor(strings.Repeat("x", 65)), cursor("\x00"), cursor("\xff"), cursor("茶")} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		sku, err := readCursor(text)
		if err != nil {
			if sku != "" || !fault.Is(err, "invalid_cursor") || fault.KindOf(err) != fault.Invalid {
				t.Errorf("%q: %q, %v", text, sku, err)
			}
			return
		}
		if len(sku) > 64 || !utf8.ValidString(sku) || strings.ContainsRune(sku, 0) {
			t.Errorf("%q leads to %q", text, sku)
		}
		if again, err := readCursor(cursor(sku)); err != nil || again != sku {
			t.Errorf("%q leads to %q, and then to %q, %v", text, sku, again, err)
		}
	})
}

// FuzzProduct: what the catalogue takes fits its table.
func FuzzProduct(f *testing.F) {
	for _, title := range []string{"Tea", "", " \t", "茶", strings.Repeat("茶", MaxTitle+1), "a\x00b", "a\xff", "\u00a0", "\u200b"} {
		f.Add("tea", title, int64(1), "CNY")
	}
	f.Add("sales", "Tea", int64(money.MaxAmount+1), "cny")
	f.Fuzz(func(t *testing.T, sku, title string, amount int64, currency string) {
		err := Product{SKU: sku, Title: title, Price: money.Money{Amount: amount, Currency: currency}}.Validate()
		if err != nil {
			if fault.KindOf(err) != fault.Invalid || fault.Of(err).Field == "" {
				t.Errorf("refused with %v", err)
			}
			return
		}
		length := utf8.RuneCountInString(title)
		if length < 1 || length > MaxTitle || strings.ContainsRune(title, 0) || !utf8.ValidString(title) || strings.TrimSpace(title) == "" ||
			amount < 1 || amount > money.MaxAmount || !money.IsCurrency(currency) || sku == "sales" {
			t.Errorf("accepted %q, %q, %d %q", sku, title, amount, currency)
		}
	})
}
