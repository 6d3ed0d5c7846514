package contract_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// allowed are the methods of every path of every function that people call.
func allowed(s *shop) map[string]string {
	return map[string]string{
		"issue-token":                          "DELETE, POST",
		"issue-token/refresh":                  "POST",
		"issue-token/jwks":                     "GET, HEAD",
		"catalog":                              "GET, HEAD",
		"catalog/" + s.sku:                     "GET, HEAD, PUT",
		"catalog/" + s.sku + "/restock":        "POST",
		"create-order":                         "POST",
		"manage-order":                         "GET, HEAD",
		"manage-order/" + s.order:              "GET, HEAD",
		"manage-order/" + s.order + "/cancel":  "POST",
		"manage-order/" + s.order + "/ship":    "POST",
		"manage-order/" + s.order + "/receive": "POST",
		"create-payment/" + s.order:            "GET, HEAD, POST",
		"payment-callback/alipay":              "POST",
		"push-message":                         "POST",
		"push-message/x/recall":                "POST",
		"sync-messages":                        "POST",
		"sync-messages/conversations":          "GET, HEAD",
		"sync-messages/presence":               "GET, HEAD",
		"sync-messages/x":                      "GET, HEAD",
		"sync-messages/x/read":                 "POST",
		"sync-messages/x/receipts":             "GET, HEAD",
		"manage-group":                         "GET, HEAD, POST",
		"manage-group/x":                       "DELETE, GET, HEAD, PATCH",
		"manage-group/x/members":               "GET, HEAD",
		"manage-group/x/members/y":             "DELETE, PUT",
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.unchanged(t, func() {
		for path, want := range allowed(s) {
			methods := strings.Split(want, ", ")
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FETCH", "get"} {
				a := s.nobody().call(t, method, path, nil)
				if slices.Contains(methods, method) {
					if a.status >= 500 || a.status == 405 || a.status == 404 && path != "create-payment/"+s.order {
						t.Errorf("%s %s: %d", method, path, a.status)
					}
					continue
				}
				if method == "HEAD" {
					if a.status != 405 || len(a.body) != 0 {
						t.Errorf("HEAD %s: %d %s", path, a.status, a.body)
					}
				} else {
					a.fails(t, 405, "method_not_allowed")
				}
				got := strings.Split(a.header.Get("Allow"), ", ")
				slices.Sort(got)
				if !slices.Equal(got, methods) {
					t.Errorf("%s %s: Allow is %q, want %q", method, path, got, methods)
				}
			}
		}
	})
}

func TestHeadIsGetWithoutTheBody(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for _, path := range []string{"catalog", "catalog/" + s.sku, "issue-token/jwks", "manage-order", "manage-order/" + s.order, "create-payment/" + s.paid} {
		a := s.buyer.call(t, "HEAD", path, nil)
		if a.status != 200 || len(a.body) != 0 || a.header.Get("Content-Type") != "application/json" {
			t.Errorf("HEAD %s: %d, %d bytes, %v", path, a.status, len(a.body), a.header)
		}
	}
}

func TestPathsThatLeadNowhere(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	functions := []string{"issue-token", "catalog", "create-order", "manage-order", "create-payment", "payment-callback"}
	for _, function := range functions {
		for _, path := range []string{
			"//", "/x/", "/x/y", "/x/y/z", "/.", "/..", "/./x", "/../catalog", "/%2e%2e/catalog", "/%2F", "/x%2Fy/z", "/.well-known/jwks.json",
			"/x//cancel", "/x/cancel/", "/refresh/", "/alipay/", "/x/%00", "/x/" + strings.Repeat("y", 20000),
		} {
			a := s.buyer.call(t, "GET", function+path, nil)
			if a.header.Get("Location") != "" {
				t.Errorf("%s%s leads to %s", function, path, a.header.Get("Location"))
			}
			a.fails(t, 404, "not_found")
		}
	}
	if a := s.buyer.call(t, "GET", "no-such-function/x", nil); a.status != 404 {
		t.Errorf("no such function: %d %s", a.status, a.body)
	}
}

// Whatever stands where an id belongs is an id that nobody has.
func TestIDsOfTheWrongForm(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	ids := []string{
		"x", "-", "_", "{x}", "*", "a%0ab", "%2e%2e", "%00", "%ff", "a%20b", "a;b", "a,b", "~", "%E4%B8%AD", "%F0%9F%98%80", "x%2Fy", "'%20or%201=1--",
		strings.Repeat("a", 64), strings.Repeat("a", 65), strings.ToUpper(s.order), strings.ReplaceAll(s.order, "-", ""),
		"{" + s.order + "}", "urn:uuid:" + s.order, s.order + "%20", s.order + "%0a", uuid.NewString(), "00000000-0000-0000-0000-000000000000",
	}
	admin := s.admin(t)
	s.unchanged(t, func() {
		for _, id := range ids {
			for _, e := range []endpoint{
				{"GET", "manage-order/" + id, s.buyer, ""}, {"POST", "manage-order/" + id + "/cancel", s.buyer, ""},
				{"POST", "manage-order/" + id + "/receive", s.buyer, ""},
				{"POST", "manage-order/" + id + "/ship", admin, `{"carrier":"SF","tracking":"1"}`},
				{"GET", "create-payment/" + id, s.buyer, ""}, {"POST", "create-payment/" + id, s.buyer, `{"provider":"alipay"}`},
				{"GET", "catalog/" + id + "-", s.nobody(), ""}, {"POST", "catalog/" + id + "-/restock", admin, `{"quantity":1}`},
			} {
				e.call(t, e.body).fails(t, 404, "not_found")
			}
		}
	})
}

func TestQueriesThatAreNoText(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for _, path := range []string{"catalog", "manage-order"} {
		for _, query := range []string{"after=%00", "after=%ff", "q=a%00b", "x=%c3%28", "q=%80", "a;b", "limit=%zz", "%"} {
			s.buyer.call(t, "GET", path+"?"+query, nil).fails(t, 400, "invalid_query")
		}
	}
}

// A call can be found again: its id and its trace come back.
func TestCallsCarryTheirIDs(t *testing.T) {
	t.Parallel()
	h := open(t)
	id, trace := "mine-"+short(), strings.ReplaceAll(uuid.NewString(), "-", "")
	parent := header{"Traceparent", "00-" + trace + "-00f067aa0ba902b7-01"}
	a := h.nobody().call(t, "GET", "catalog/nothing", nil, header{"X-Call-Id", id}, parent)
	if p := a.fails(t, 404, "not_found"); a.header.Get("X-Call-Id") != id || p.TraceID != trace {
		t.Errorf("call %s, trace %s", a.header.Get("X-Call-Id"), p.TraceID)
	}
	for _, odd := range []header{{"X-Call-Id", "a b"}, {"X-Call-Id", strings.Repeat("x", 500)}, {"Traceparent", "zz"}, {"X-Timeout", "-5"}, {"X-Timeout", "x"}} {
		h.nobody().call(t, "GET", "catalog?limit=1", nil, odd).into(t, http.StatusOK, nil)
	}
}
