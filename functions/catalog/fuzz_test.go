package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"bazaar/shared/catalog"
)

// FuzzPut: a product is written as it is allowed to be, or the caller is told
// what is wrong and nothing is.
func FuzzPut(f *testing.F) {
	for _, body := range []string{
		`{"title":"Tea","price":{"amount":1,"currency":"CNY"}}`, "", "null", "[]", `{"title":"Tea"}`, `{"title":"\u0000","price":{"amount":1,"currency":"CNY"}}`,
		`{"title":"Tea","price":{"amount":1e3,"currency":"CNY"}}`, `{"title":"Tea","price":{"amount":1000000000001,"currency":"CNY"}}`, `{"title":"Tea","price":null}`,
		`{"title":"` + strings.Repeat("茶", 201) + `","price":{"amount":1,"currency":"CNY"}}`, `{"title":"Tea","title":"Pot","price":{"amount":1,"currency":"CNY"}}`, "{\"title\":\"\xff\"}",
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		s := newShop()
		w := s.call(t, "admin", "PUT", "/pot", body)
		p, there := s.products["pot"]
		switch w.Code {
		case http.StatusCreated:
			if err := (catalog.Product{SKU: p.SKU, Title: p.Title, Price: p.Price}).Validate(); err != nil || !there || p.SKU != "pot" {
				t.Errorf("%q is written as %+v: %v", body, p, err)
			}
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
			if there || len(s.products) != 1 {
				t.Errorf("%q is refused and written as %+v", body, p)
			}
		default:
			t.Errorf("%q is answered %d %s", body, w.Code, w.Body)
		}
	})
}

// FuzzRestock: units are whole, within their bounds, and never none.
func FuzzRestock(f *testing.F) {
	for _, body := range []string{`{"quantity":1}`, `{"quantity":-5}`, `{"quantity":-6}`, `{"quantity":0}`, `{"quantity":1000000001}`, `{"quantity":"1"}`, `{"quantity":1.0}`,
		`{"quantity":-9223372036854775808}`, `{"quantity":null}`, "{}", `{"quantity":1}{}`} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		s := newShop()
		w := s.call(t, "admin", "POST", "/tea/restock", body)
		switch {
		case w.Code == http.StatusOK && s.restocks == 1, w.Code == http.StatusConflict && s.restocks == 0:
		case w.Code == http.StatusBadRequest || w.Code == http.StatusRequestEntityTooLarge:
			if s.restocks != 0 || len(s.keys) != 0 {
				t.Errorf("%q is refused, %d restocks, %d keys", body, s.restocks, len(s.keys))
			}
		default:
			t.Errorf("%q is answered %d %s, %d restocks", body, w.Code, w.Body, s.restocks)
		}
	})
}

// FuzzList: what is asked of the shelf can be asked of a store.
func FuzzList(f *testing.F) {
	for _, c := range [][3]string{{"tea", "5", ""}, {"", "", "dGVh"}, {strings.Repeat("x", 201), "", ""}, {"\x00", "", ""}, {"\xff", "", ""}, {"a", "0", ""}, {"a", "1e1", "!"}, {"%", "999999999999999999999", "_"}} {
		f.Add(c[0], c[1], c[2])
	}
	f.Fuzz(func(t *testing.T, words, limit, after string) {
		s := newShop()
		w := s.call(t, "", "GET", "/?"+url.Values{"q": {words}, "limit": {limit}, "after": {after}}.Encode(), "")
		if w.Code != http.StatusOK && w.Code != http.StatusBadRequest {
			t.Fatalf("%q, %q, %q is answered %d %s", words, limit, after, w.Code, w.Body)
		}
		if w.Code == http.StatusOK && (s.asked.Words != words || s.asked.After != after || s.asked.Limit < 1 || s.asked.Limit > 100 ||
			len(words) > maxWords || !utf8.ValidString(words+after) || strings.ContainsRune(words+after, 0)) {
			t.Errorf("%q, %q, %q is asked as %+v", words, limit, after, s.asked)
		}
	})
}
