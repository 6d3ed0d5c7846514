// Package entry_test tries the way into the shop at the level of functions:
// catalog, create-order and reserve-stock as processes, with a real PostgreSQL,
// Redis and NATS that the tests fill up, empty and take away.
package entry_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"bazaar/tests/support"
)

// function is a function as a process of its own, as a test calls it.
type function struct {
	*support.Function
	t *testing.T
}

// start runs a function until the test ends.
func (w *world) start(name string) *function {
	w.t.Helper()
	environ := append([]string{"exec_timeout=15s"}, w.environ...)
	return &function{support.StartFunction(w.t, name, w.secrets, environ...), w.t}
}

// orders runs create-order until it lets people in: until the list of revoked
// sessions has come.
func (w *world) orders() *function {
	w.t.Helper()
	f := w.start("create-order")
	until(w.t, "create-order lets people in", func() bool { return f.order("warm", "k", "{}").status == http.StatusBadRequest })
	return f
}

// products is the same for catalog.
func (w *world) products() *function {
	w.t.Helper()
	f := w.start("catalog")
	until(w.t, "catalog lets people in", func() bool { return f.put("{}").status == http.StatusBadRequest })
	return f
}

// put puts the product tea.
func (f *function) put(body string) answer {
	f.t.Helper()
	return f.call(http.MethodPut, "/tea", support.Token(f.t, "admin", "admin"), "", body)
}

// answer is what a function answered.
type answer struct {
	status   int
	body     string
	replayed bool
	retry    string // Retry-After
	order    struct {
		OrderID string `json:"order_id"`
		Status  any    `json:"status"` // a problem's is a number
		Code    string `json:"code"`
		Total   struct {
			Amount int64 `json:"amount"`
		} `json:"total"`
	}
}

// call makes a request; a header's name and value may follow.
func (f *function) call(method, path, token, key, body string, header ...string) answer {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), method, f.URL+path, strings.NewReader(body))
	must(f.t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	if len(header) == 2 {
		req.Header.Set(header[0], header[1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil { // the function was killed
		return answer{}
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}
	}
	a := answer{status: res.StatusCode, body: string(raw), replayed: res.Header.Get("Idempotent-Replayed") == "true",
		retry: res.Header.Get("Retry-After")}
	if err := json.Unmarshal(raw, &a.order); err != nil {
		f.t.Errorf("%s answered %q: %v", f.Name, raw, err)
	}
	return a
}

// order places an order.
func (f *function) order(user, key, body string, header ...string) answer {
	f.t.Helper()
	return f.call(http.MethodPost, "/", support.Token(f.t, user), key, body, header...)
}

// is checks the status and the code of a problem.
func (a answer) is(t *testing.T, status int, code string) answer {
	t.Helper()
	if a.status != status || a.order.Code != code {
		t.Fatalf("got %d %s; want %d %s", a.status, a.body, status, code)
	}
	return a
}
