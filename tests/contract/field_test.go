package contract_test

import (
	"slices"
	"strings"
	"testing"
)

// Values of JSON that are not what a field takes; %s stands for them.
func notNumbers() []string {
	return []string{
		"null", "true", `""`, `"1"`, "[]", "{}", "[1]", "1.5", "1.0", "1e2", "1E400", "-0", "0",
		"9223372036854775808", "-9223372036854775809", "1" + strings.Repeat("0", 400),
	}
}

func notTexts() []string { return []string{"null", "true", "1", "1.5", "[]", "{}", `["x"]`, `""`} }

// No JSON at all, or none that PostgreSQL could keep, whatever the field.
func notJSON() []string {
	return []string{"01", "+1", ".5", "0x1", "Infinity", "1_000", `"\x"`, "\"\xff\"", `"\ud800"`, `"\u0000"`, `"a\u0000b"`}
}

func notMoney() []string {
	return []string{
		"null", "1", `"1"`, "[]", "{}", `{"amount":1}`, `{"currency":"CNY"}`, `{"amount":"1","currency":"CNY"}`,
		`{"amount":1.5,"currency":"CNY"}`, `{"amount":1,"currency":1}`, `{"amount":1,"currency":"cny"}`, `{"amount":1,"currency":""}`,
		`{"amount":1,"currency":"CNY","x":1}`, `{"amount":0,"currency":"CNY"}`, `{"amount":-1,"currency":"CNY"}`,
		`{"amount":9223372036854775807,"currency":"CNY"}`, `{"amount":9223372036854775808,"currency":"CNY"}`,
	}
}

// spoil is a field of a route's body and what it refuses.
type spoil struct {
	path, body, field string
	values            []string
	codes             []string // any of them
}

func spoils(s *shop) []spoil {
	restock, ship := "catalog/"+s.sku+"/restock", "manage-order/"+s.order+"/ship"
	lines := `{"lines":[{"sku":"` + s.sku + `","quantity":1},%s]}`
	return []spoil{
		{"issue-token", `{"username":%s,"password":"x"}`, "username", append(notTexts(), `"`+strings.Repeat("x", 5000)+`"`), nil},
		{"issue-token", `{"username":"alice","password":%s}`, "password", append(notTexts(), `"`+strings.Repeat("x", 5000)+`"`), nil},
		{"issue-token/refresh", `{"refresh_token":%s}`, "refresh_token", notTexts(), nil},
		{"catalog/" + s.sku, `{"title":%s,"price":{"amount":1,"currency":"CNY"}}`, "title",
			append(notTexts(), `"  "`, `"`+strings.Repeat("x", 201)+`"`), []string{"invalid_title"}},
		{"catalog/" + s.sku, `{"title":"x","price":%s}`, "price", notMoney(), []string{"invalid_price"}},
		{restock, `{"quantity":%s}`, "quantity", append(notNumbers(), "1000000001", "-1000000001"), []string{"invalid_quantity"}},
		{"create-order", `{"lines":%s}`, "lines", []string{"null", "1", `"x"`, "{}", "[]", "true"}, nil},
		{"create-order", lines, "lines[1]", []string{"1", `"x"`, "[]", "[[]]", "true"}, nil},
		{"create-order", strings.Replace(lines, "%s", `{"sku":%s,"quantity":1}`, 1), "lines[1].sku",
			append(notTexts(), `"`+s.sku+`"`, `"{x}"`, `"*"`, `"a/b"`, `"../x"`, `"a\nb"`, `"`+strings.Repeat("x", 5000)+`"`), []string{"unknown_sku"}},
		{"create-order", strings.Replace(lines, "%s", `{"sku":"x","quantity":%s}`, 1), "lines[1].quantity",
			append(notNumbers(), "-1", "1001", "9223372036854775807"), []string{"invalid_quantity"}},
		{"create-order", `{"lines":[{"sku":"` + s.sku + `","quantity":1}],"expected_total":%s}`, "expected_total",
			notMoney()[1:], []string{"price_changed"}},
		{ship, `{"carrier":%s,"tracking":"1"}`, "carrier", append(notTexts(), `"a\nb"`, `"`+strings.Repeat("x", 101)+`"`), nil},
		{ship, `{"carrier":"SF","tracking":%s}`, "tracking", append(notTexts(), `"a\nb"`, `"`+strings.Repeat("x", 101)+`"`), nil},
		{"create-payment/" + s.order, `{"provider":%s}`, "provider", append(notTexts(), `"paypal"`, `"ALIPAY"`), []string{"unknown_provider"}},
	}
}

func TestFieldsOfTheWrongForm(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	endpoints := s.writes(t)
	s.unchanged(t, func() {
		for _, spoil := range spoils(s) {
			i := slices.IndexFunc(endpoints, func(e endpoint) bool { return e.path == spoil.path && e.method != "DELETE" })
			for _, value := range spoil.values {
				spoil.refuses(t, endpoints[i].call(t, strings.Replace(spoil.body, "%s", value, 1)), value)
			}
			for _, value := range notJSON() {
				endpoints[i].call(t, strings.Replace(spoil.body, "%s", value, 1)).fails(t, 400, "invalid_body")
			}
		}
	})
}

// refuses checks that an answer names the field, with a code for it.
func (s spoil) refuses(t *testing.T, a answer, value string) {
	t.Helper()
	code, status := "invalid_body", 400
	for _, other := range s.codes {
		if strings.Contains(string(a.body), `"code":"`+other+`"`) {
			code = other
		}
	}
	if code == "price_changed" {
		status = 409
	}
	p := a.fails(t, status, code)
	inside := strings.HasPrefix(p.Field, s.field+".") || strings.HasPrefix(p.Field, s.field+"[")
	if p.Field != s.field && !inside {
		t.Errorf("%s %.60s: names the field %q, want %q", s.path, value, p.Field, s.field)
	}
}

// A number that fits is never a fraction, an exponent or a text.
func TestQuantitiesThatAreNoWholeNumberHaveTheirCode(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for _, value := range []string{"-1", "0", "1001", "1000000000", "9223372036854775807", "9223372036854775808", "1.5", `"1"`, "null"} {
		s.buyer.call(t, "POST", "create-order", `{"lines":[{"sku":"`+s.sku+`","quantity":`+value+`}]}`, fresh()).
			fails(t, 400, "invalid_quantity")
	}
}
