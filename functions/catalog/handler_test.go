package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bazaar/shared/auth"
	"bazaar/shared/catalog"
	"bazaar/shared/fault"
	"bazaar/shared/fn"
	"bazaar/shared/idem"
)

// shop is a shelf and its keys in memory.
type shop struct {
	products  map[string]view
	restocks  int
	announced error
	keys      map[string]*idem.Record
	asked     catalog.Search
}

func (s *shop) Page(_ context.Context, search catalog.Search) ([]view, string, error) {
	s.asked = search
	if search.Words == "nothing" {
		return nil, "", nil
	}
	return []view{s.products["tea"]}, fmt.Sprintf("%s-%d-%s", search.Words, search.Limit, search.After), nil
}

func (s *shop) Product(_ context.Context, sku string) (view, error) {
	v, ok := s.products[sku]
	if !ok {
		return view{}, fault.New(fault.NotFound, "not_found", "There is no such product.")
	}
	return v, nil
}

func (s *shop) Put(_ context.Context, p catalog.Product) (view, bool, error) {
	_, known := s.products[p.SKU]
	s.products[p.SKU] = show(p, 0)
	return s.products[p.SKU], !known, s.announced
}

func (s *shop) Restock(_ context.Context, _ idem.Record, sku string, quantity int64) (idem.Answer, error) {
	v, ok := s.products[sku]
	switch {
	case !ok:
		return idem.Answer{}, fault.New(fault.NotFound, "not_found", "There is no such product.")
	case v.Available+quantity < 0:
		return idem.Answer{}, fault.New(fault.Conflict, "stock_reserved", "No.")
	}
	s.restocks++
	return idem.JSON(200, map[string]any{"sku": sku, "available": v.Available + quantity})
}

func (s *shop) Begin(_ context.Context, c idem.Claim) (idem.Record, idem.Outcome, error) {
	r, known := s.keys[c.Key.ID()]
	switch {
	case !known:
		r = &idem.Record{ID: c.Key.ID(), Fingerprint: c.Fingerprint}
		s.keys[r.ID] = r
		return *r, idem.Began, nil
	case r.Fingerprint != c.Fingerprint:
		return *r, idem.Reused, nil
	}
	return *r, idem.Finished, nil
}

func (s *shop) Finish(_ context.Context, r idem.Record, a idem.Answer) error {
	s.keys[r.ID].Answer = a
	return nil
}

func (s *shop) Yield(context.Context, idem.Record) error { return nil }

func (s *shop) Free(_ context.Context, r idem.Record) error {
	delete(s.keys, r.ID)
	return nil
}

// Verify takes a token for the role of its bearer.
func (*shop) Verify(token string) (auth.Claims, error) {
	return auth.Claims{Subject: token, Roles: []string{token}}, nil
}
func (*shop) Revoked(string) bool { return false }
func (*shop) Age() time.Duration  { return 0 }

func newShop() *shop {
	return &shop{products: map[string]view{"tea": {SKU: "tea", Title: "Tea", Available: 5}}, keys: map[string]*idem.Record{}}
}

func (s *shop) call(t *testing.T, role, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	served, err := fn.Handler("catalog", routes(&Handler{Shelf: s, Keys: s}, fn.UserDoor{Tokens: s, Revoked: s}))
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if role != "" {
		r.Header.Set("Authorization", "Bearer "+role)
	}
	r.Header.Set("Idempotency-Key", "k")
	w := httptest.NewRecorder()
	served.ServeHTTP(w, r)
	return w
}

func TestAnswers(t *testing.T) {
	const tea = `{"title":"Tea","price":{"amount":250,"currency":"CNY"}}`
	for name, c := range map[string]struct {
		role, method, path, body string
		status                   int
		part                     string // of the answer
	}{
		"a product":              {"", http.MethodGet, "/tea", "", 200, `"image":null`},
		"no product":             {"", http.MethodGet, "/pot", "", 404, "not_found"},
		"a wrong SKU":            {"", http.MethodGet, "/a%20b", "", 404, "not_found"},
		"a list":                 {"", http.MethodGet, "/?q=te&limit=500&after=x", "", 200, `"next":"te-100-x"`},
		"an empty list":          {"", http.MethodGet, "/?q=nothing", "", 200, `{"items":[],"next":null}`},
		"a wrong limit":          {"", http.MethodGet, "/?limit=-1", "", 400, "invalid_limit"},
		"a long search":          {"", http.MethodGet, "/?q=" + strings.Repeat("a", 201), "", 400, "invalid_query"},
		"a put":                  {"admin", http.MethodPut, "/tea", tea, 200, `"amount":250`},
		"a new product":          {"admin", http.MethodPut, "/pot", tea, 201, `"sku":"pot"`},
		"a put by anyone":        {"", http.MethodPut, "/pot", tea, 401, "token_missing"},
		"a put by a buyer":       {"buyer", http.MethodPut, "/pot", tea, 403, "denied"},
		"a put without a price":  {"admin", http.MethodPut, "/pot", `{"title":"Pot"}`, 400, "invalid_price"},
		"a put without a title":  {"admin", http.MethodPut, "/pot", `{"price":{"amount":1,"currency":"CNY"}}`, 400, "invalid_title"},
		"a put of a SKU":         {"admin", http.MethodPut, "/pot", `{"sku":"x","title":"Pot","price":{"amount":1,"currency":"CNY"}}`, 400, "invalid_body"},
		"a restock":              {"admin", http.MethodPost, "/tea/restock", `{"quantity":3}`, 200, `"available":8`},
		"a restock out":          {"admin", http.MethodPost, "/tea/restock", `{"quantity":-5}`, 200, `"available":0`},
		"a restock out too far":  {"admin", http.MethodPost, "/tea/restock", `{"quantity":-6}`, 409, "stock_reserved"},
		"a restock of nothing":   {"admin", http.MethodPost, "/tea/restock", `{"quantity":0}`, 400, "invalid_quantity"},
		"a restock too large":    {"admin", http.MethodPost, "/tea/restock", `{"quantity":1000000001}`, 400, "invalid_quantity"},
		"a restock with a point": {"admin", http.MethodPost, "/tea/restock", `{"quantity":1.5}`, 400, "invalid_body"},
		"a restock by a buyer":   {"buyer", http.MethodPost, "/tea/restock", `{"quantity":1}`, 403, "denied"},
		"a restock of no SKU":    {"admin", http.MethodPost, "/pot/restock", `{"quantity":1}`, 404, "not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newShop().call(t, c.role, c.method, c.path, c.body)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.part) {
				t.Errorf("got %d %s; want %d with %s", w.Code, w.Body, c.status, c.part)
			}
		})
	}
}

// A price that could not be announced is not called done.
func TestPutThatIsNotAnnounced(t *testing.T) {
	s := newShop()
	s.announced = fault.New(fault.Unavailable, "unavailable", "Away.")
	if w := s.call(t, "admin", http.MethodPut, "/tea", `{"title":"Tea","price":{"amount":1,"currency":"CNY"}}`); w.Code != 503 {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestRestockHappensOnce(t *testing.T) {
	s := newShop()
	first := s.call(t, "admin", http.MethodPost, "/tea/restock", `{"quantity":3}`)
	again := s.call(t, "admin", http.MethodPost, "/tea/restock", `{"quantity":3}`)
	if again.Code != 200 || again.Body.String() != first.Body.String() || again.Header().Get("Idempotent-Replayed") != "true" || s.restocks != 1 {
		t.Errorf("got %d %s after %d restocks", again.Code, again.Body, s.restocks)
	}
	if w := s.call(t, "admin", http.MethodPost, "/tea/restock", `{"quantity":4}`); w.Code != 422 {
		t.Errorf("another body: %d %s", w.Code, w.Body)
	}
}

func TestProductHasTheContractsShape(t *testing.T) {
	var got map[string]any
	if err := json.Unmarshal(newShop().call(t, "", http.MethodGet, "/tea", "").Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"sku", "title", "price", "available", "image"} {
		if _, ok := got[field]; !ok || len(got) != 5 {
			t.Errorf("field %s in %v", field, got)
		}
	}
}
