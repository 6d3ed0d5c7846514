package contract_test

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// A body that does not come is cut off, by the function that waits for it; an
// answer that needs none does not wait for long.
func TestSlowBodies(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	bearer := "Authorization: Bearer " + s.buyer.token + "\r\nIdempotency-Key: " + short() + "\r\n"
	var all sync.WaitGroup
	for _, c := range []struct{ function, start, status, code string }{
		{"issue-token", "POST / HTTP/1.1\r\nContent-Length: 1000\r\n", "408", "timeout"},
		{"issue-token", "POST /refresh HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", "408", "timeout"},
		{"create-order", "POST / HTTP/1.1\r\nContent-Length: 1000\r\n", "401", "token_missing"},
		{"create-order", "POST / HTTP/1.1\r\nContent-Length: 100000000\r\n" + bearer, "413", "too_large"},
		{"catalog", "POST / HTTP/1.1\r\nContent-Length: 1000\r\n", "405", "method_not_allowed"},
		{"catalog", "POST /a/b/c HTTP/1.1\r\nContent-Length: 1000\r\n", "404", "not_found"},
		{"catalog", "PUT /" + s.sku + " HTTP/1.1\r\nContent-Length: 1000\r\n" + bearer, "403", "denied"},
	} {
		all.Go(func() {
			began := time.Now()
			got := raw(t, s.Parts(t, c.function)[0].Address, c.start+"Host: x\r\n\r\n")
			if !strings.HasPrefix(got, "HTTP/1.1 "+c.status+" ") || !strings.Contains(got, `"code":"`+c.code+`"`) {
				t.Errorf("%s %q: %s", c.function, c.start, got)
			}
			if took := time.Since(began); took > 3*readTimeout {
				t.Errorf("%q was answered after %s", c.start, took)
			}
		})
	}
	all.Wait()
}

func TestBodiesThatAreNoHTTP(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, request := range []string{
		"POST /function/issue-token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n",
		"POST /function/issue-token HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
		"POST /function/issue-token HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
	} {
		if got := raw(t, h.Gateway, request); !strings.HasPrefix(got, "HTTP/1.1 400 ") {
			t.Errorf("%q: %s", request, got)
		}
	}
}

// What is refused before its body is read leaves the connections whole, to the
// gateway and behind it: no reset, no empty 502 for whoever comes next.
func TestRefusedBodiesHarmNobody(t *testing.T) {
	t.Parallel()
	h := open(t)
	body := strings.Repeat("x", 100<<10)
	refused := map[string]int{"no-such-function": 404, "catalog/a/b/c": 404, "catalog": 405, "create-order": 401, "issue-token": 413}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range 15 {
				for path, status := range refused {
					var payload any = body
					if i%2 == 1 {
						payload = chunked{strings.NewReader(body)}
					}
					if a, err := h.nobody().try("POST", path, payload); err != nil || a.status != status {
						t.Errorf("%s: %d %s %v, want %d", path, a.status, a.body, err, status)
					}
				}
			}
		})
	}
	all.Wait()
}
