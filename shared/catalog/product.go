// Package catalog is what is sold and for how much: products and their prices.
// It owns the schema catalog and the Redis key catalog:version. How many units
// there are is stock's to say.
package catalog

import (
	"strings"
	"unicode/utf8"

	"bazaar/shared/fault"
	"bazaar/shared/money"
)

// MaxTitle is the longest title, in characters.
const MaxTitle = 200

// Product is a product without its stock.
type Product struct {
	SKU   string
	Title string
	Price money.Money
	Image *string // an address; nil: there is none
}

// Validate refuses what the catalogue does not take. The SKU must match
// ^[A-Za-z0-9_-]{1,64}$, which its path has made sure of. Errors: fault invalid
// `invalid_sku`, `invalid_title`, `invalid_price`.
func (p Product) Validate() error {
	if p.SKU == "sales" { // the name of a list beside the products
		return fault.New(fault.Invalid, "invalid_sku", "This SKU is taken.").At("sku")
	}
	length := utf8.RuneCountInString(p.Title)
	if strings.TrimSpace(p.Title) == "" || length > MaxTitle || strings.ContainsRune(p.Title, 0) || !utf8.ValidString(p.Title) {
		return fault.New(fault.Invalid, "invalid_title", "A title is 1 to %d characters.", MaxTitle).At("title")
	}
	return p.Price.CheckPrice()
}
