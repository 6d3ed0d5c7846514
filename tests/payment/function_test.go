package payment_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"bazaar/shared/event"
	"bazaar/shared/fn"
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
	return &function{support.StartFunction(w.t, name, w.secrets, w.environ...), w.t}
}

// call makes a request and gives the status and the decoded body.
func (f *function) call(method, path, user, key, body string) (int, map[string]any) {
	f.t.Helper()
	req, err := http.NewRequest(method, f.URL+path, strings.NewReader(body))
	must(f.t, err)
	req.Header.Set("Authorization", "Bearer "+support.Token(f.t, user))
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	res, err := http.DefaultClient.Do(req)
	must(f.t, err)
	defer func() { _ = res.Body.Close() }()
	var out map[string]any
	must(f.t, json.NewDecoder(res.Body).Decode(&out))
	return res.StatusCode, out
}

// sweep is one tick of settle-order's clock.
func (w *world) sweep() {
	w.t.Helper()
	tick, err := event.New("cron.settle-order", "tick-"+time.Now().Format(time.RFC3339Nano), "", struct{}{})
	must(w.t, err)
	body, err := event.EncodeBatch([]event.Event{tick})
	must(w.t, err)
	req, err := http.NewRequest(http.MethodPost, w.settle.URL+"/", bytes.NewReader(body))
	must(w.t, err)
	req.Header.Set("Content-Type", event.ContentType)
	req.Header.Set(fn.SignatureHeader, support.EventSigner(w.t).Sign("settle-order", time.Now(), body))
	res, err := http.DefaultClient.Do(req)
	must(w.t, err)
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	must(w.t, err)
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusNoContent || bytes.Contains(answer, []byte(`"id"`)) {
		w.t.Fatalf("the sweep answers %s %s", res.Status, answer)
	}
}
