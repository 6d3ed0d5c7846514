package catalog_test

import (
	"strings"
	"testing"

	"bazaar/shared/catalog"
	"bazaar/shared/fault"
	"bazaar/shared/money"
)

func TestValidate(t *testing.T) {
	price := money.Money{Amount: 1, Currency: "CNY"}
	for name, c := range map[string]struct {
		title string
		price money.Money
		code  string
	}{
		"short":             {"茶", price, ""},
		"as long as can be": {strings.Repeat("茶", catalog.MaxTitle), price, ""},
		"empty":             {"", price, "invalid_title"},
		"blank":             {" \t", price, "invalid_title"},
		"too long":          {strings.Repeat("茶", catalog.MaxTitle+1), price, "invalid_title"},
		"with NUL":          {"a\x00b", price, "invalid_title"},
		"not UTF-8":         {"a\xff", price, "invalid_title"},
		"free":              {"tea", money.Money{Currency: "CNY"}, "invalid_price"},
		"without currency":  {"tea", money.Money{Amount: 1}, "invalid_price"},
	} {
		err := catalog.Product{SKU: "a", Title: c.title, Price: c.price}.Validate()
		if (c.code == "") != (err == nil) || c.code != "" && !fault.Is(err, c.code) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheNameOfTheListOfSalesIsNoSKU(t *testing.T) {
	p := catalog.Product{SKU: "sales", Title: "t", Price: money.Money{Amount: 1, Currency: "CNY"}}
	if err := p.Validate(); !fault.Is(err, "invalid_sku") {
		t.Errorf("%v", err)
	}
}
