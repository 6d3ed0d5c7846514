package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bazaar/infra/local/gateway"
	"bazaar/infra/local/journal"
	"bazaar/infra/local/secret"
	"bazaar/infra/local/stack"
)

// FuzzSystem: whatever asks the system API, with its password, is answered, and
// never with a fault of ours; what it changes stays within its bounds.
func FuzzSystem(f *testing.F) {
	const auth = "Authorization: Basic YWRtaW46cGFzcw==\r\n"
	for _, request := range []string{
		"GET /system/functions HTTP/1.1\r\nHost: x\r\n" + auth + "\r\n", "GET /system/function/echo?namespace=openfaas-fn HTTP/1.1\r\nHost: x\r\n" + auth + "\r\n",
		"GET /system/logs?name=echo&tail=3&since=2026-01-02T03:04:05Z&instance=a HTTP/1.1\r\nHost: x\r\n" + auth + "\r\n",
		"GET /system/logs?name=echo&follow=true&tail=-1 HTTP/1.1\r\nHost: x\r\n" + auth + "\r\n", "GET /system/logs?name=echo&tail=x HTTP/1.1\r\nHost: x\r\n" + auth + "\r\n",
		"POST /system/secrets HTTP/1.1\r\nHost: x\r\n" + auth + "Content-Length: 26\r\n\r\n{\"name\":\"a\",\"value\":\"b\"}  ", "DELETE /system/secrets HTTP/1.1\r\nHost: x\r\n" + auth + "Content-Length: 15\r\n\r\n{\"name\":\"../a\"}",
		"PUT /system/secrets HTTP/1.1\r\nHost: x\r\n" + auth + "Content-Length: 35\r\n\r\n{\"name\":\"token-keys\",\"value\":\"b\"}  ", "POST /system/secrets HTTP/1.1\r\nHost: x\r\n" + auth + "Content-Length: 270\r\n\r\n{\"name\":\"" + strings.Repeat("a", 253) + "\"}      ",
		"POST /system/scale-function/echo HTTP/1.1\r\nHost: x\r\n" + auth + "Content-Length: 14\r\n\r\n{\"replicas\":3}", "POST /system/scale-function/echo HTTP/1.1\r\nHost: x\r\n" + auth + "Content-Length: 15\r\n\r\n{\"replicas\":-1}",
		"GET /system/info HTTP/1.1\r\nHost: x\r\n\r\n", "GET /function/none/a HTTP/1.1\r\nHost: x\r\n\r\n", "POST /async-function/echo HTTP/1.1\r\nHost: x\r\n\r\n", "GET /function/echo//..%2f HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "GET * HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		f.Add([]byte(request))
	}
	dir := f.TempDir()
	secrets, err := secret.Open(dir)
	if err != nil {
		f.Fatal(err)
	}
	echo := &gateway.Function{Spec: &stack.Function{Name: "echo"}, Journal: journal.New(io.Discard), Created: time.Now()}
	var asked []int
	g := gateway.New(gateway.Settings{
		User: "admin", Password: "pass", Secrets: secrets, Timeout: time.Second, Log: slog.New(slog.DiscardHandler),
		Scale: func(_ string, n int) error { asked = append(asked, n); return nil },
	}, echo)
	f.Cleanup(g.Close)
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			return // net/http answers it
		}
		ctx, leave := context.WithTimeout(t.Context(), 20*time.Millisecond) // who follows the logs has to leave
		defer leave()
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r.WithContext(ctx))
		reached := strings.HasPrefix(r.URL.Path, "/function/echo") && w.Code == http.StatusBadGateway // it has no replica
		if w.Code >= 500 && w.Code != http.StatusNotImplemented && !reached {
			t.Errorf("%q is answered %d %s", raw, w.Code, w.Body)
		}
		if w.Code == http.StatusOK && w.Header().Get("Content-Type") == "application/json" && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%q is answered %q", raw, w.Body)
		}
		for _, n := range asked {
			if n < 0 || n > 100 {
				t.Errorf("%q asks for %d replicas", raw, n)
			}
		}
		asked = nil
		if around, err := os.ReadDir(dir); err != nil || len(around) != 2 {
			t.Fatalf("%q leaves %d things beside the secrets, %v", raw, len(around), err)
		}
		if _, err := os.Stat(filepath.Join(dir, "secrets", "basic-auth-password")); err != nil && !strings.Contains(string(raw), "basic-auth-password") {
			t.Errorf("%q takes another's secret away: %v", raw, err)
		}
	})
}
