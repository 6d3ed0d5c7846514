package gateway_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"bazaar/infra/local/gateway"
	"bazaar/infra/local/journal"
	"bazaar/infra/local/secret"
	"bazaar/infra/local/stack"
)

// house is a gateway with one function, echo, and no replica yet.
type house struct {
	*gateway.Gateway
	url  string
	echo *gateway.Function
}

func build(t testing.TB, timeout time.Duration) *house {
	t.Helper()
	secrets, err := secret.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	echo := &gateway.Function{
		Spec: &stack.Function{
			Name: "echo", Image: "example/echo:1", Environment: map[string]string{"max_inflight": "7"},
			Annotations: map[string]string{"topic": "a.b"}, Labels: map[string]string{"l": "1"},
			Secrets: []string{"token-keys"}, Limits: &stack.Resources{Memory: "64Mi"},
		},
		Journal: journal.New(io.Discard), Created: time.Now(),
	}
	g := gateway.New(gateway.Settings{
		User: "admin", Password: "pass", Secrets: secrets, Timeout: timeout, Log: slog.New(slog.DiscardHandler),
		Scale: func(_ string, n int) error {
			if n > 3 {
				return fmt.Errorf("no room for %d", n)
			}
			return nil
		},
		Chat: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "chat "+r.URL.Path) }),
	}, echo)
	server := httptest.NewServer(g)
	t.Cleanup(func() { g.Close(); server.Close() })
	return &house{Gateway: g, url: server.URL, echo: echo}
}

// replica serves handler as a replica of echo that is up.
func (h *house) replica(t testing.TB, name string, handler http.HandlerFunc) *gateway.Replica {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	r := &gateway.Replica{Instance: name}
	h.echo.Add(r)
	r.Up(server.Listener.Addr().String())
	return r
}

func (h *house) do(t testing.TB, method, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, h.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("admin", "pass")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(text)
}

func TestACallReachesTheFunctionAsTheRealGatewaySendsIt(t *testing.T) {
	t.Parallel()
	h := build(t, time.Second)
	h.replica(t, "echo-1", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Method", r.Method)
		w.WriteHeader(http.StatusTeapot)
		if r.Host != r.Context().Value(http.LocalAddrContextKey).(net.Addr).String() {
			t.Errorf("the function is called as %s", r.Host)
		}
		fmt.Fprintf(w, "%s|%s|%s|%s|%s|%s|%s", r.RequestURI, body, r.Header.Get("X-Call-Id"), r.Header.Get("X-Forwarded-Host"),
			r.Header.Get("Upgrade")+r.Header.Get("Connection"), r.Header.Get("X-Mine"), r.Header.Get("X-Start-Time"))
	})
	res, text := h.do(t, http.MethodPut, "/function/echo/a%2Fb/c?x=1&y=%20&a;b=%zz", "hello",
		"X-Call-Id", "mine", "Upgrade", "websocket", "Connection", "Upgrade", "X-Mine", "kept")
	parts := strings.Split(text, "|")
	if res.StatusCode != http.StatusTeapot || res.Header.Get("X-Method") != http.MethodPut {
		t.Errorf("status %d, method %s", res.StatusCode, res.Header.Get("X-Method"))
	}
	want := []string{"/a%2Fb/c?x=1&y=%20&a;b=%zz", "hello", "mine", strings.TrimPrefix(h.url, "http://"), "", "kept"}
	for i, w := range want {
		if parts[i] != w {
			t.Errorf("part %d is %q, want %q", i, parts[i], w)
		}
	}
	if parts[6] == "" || res.Header.Get("X-Served-By") == "" || res.Header.Get("X-Call-Id") != "mine" {
		t.Errorf("start time %q, headers %v", parts[6], res.Header)
	}
	for _, path := range []string{"/function/echo", "/function/echo/", "/function/echo.openfaas-fn"} {
		res, text := h.do(t, http.MethodGet, path, "")
		if !strings.HasPrefix(text, "/|") || res.Header.Get("X-Call-Id") == "" {
			t.Errorf("%s: %q, call id %q", path, text, res.Header.Get("X-Call-Id"))
		}
	}
}

func TestWhatTheGatewayAnswersItself(t *testing.T) {
	t.Parallel()
	h := build(t, 100*time.Millisecond)
	check := func(what string, want int) {
		t.Helper()
		res, text := h.do(t, http.MethodPost, "/function/echo", "x")
		if res.StatusCode != want || text != "" || res.Header.Get("X-OpenFaaS-Internal") != "gateway" || res.Header.Get("X-Served-By") != "" {
			t.Errorf("%s: %d %q %v", what, res.StatusCode, text, res.Header)
		}
	}
	check("no replica", http.StatusBadGateway)
	hold := make(chan struct{})
	slow := h.replica(t, "echo-1", func(http.ResponseWriter, *http.Request) { <-hold })
	t.Cleanup(func() { close(hold) }) // before the server is closed, which waits for its calls
	check("a slow replica", http.StatusBadGateway)
	slow.Down()
	check("no replica that is up", http.StatusBadGateway)
	slow.Up("127.0.0.1:1") // where nobody listens; a port that was let go may be another's by now
	check("a dead replica", http.StatusBadGateway)
	res, text := h.do(t, http.MethodPost, "/function/other/echo", "x")
	if res.StatusCode != http.StatusNotFound || !strings.Contains(text, "other") || res.Header.Get("X-Served-By") != "" {
		t.Errorf("unknown function: %d %q", res.StatusCode, text)
	}
	if res, _ := h.do(t, http.MethodPost, "/async-function/echo", "x"); res.StatusCode != http.StatusNotImplemented {
		t.Errorf("asynchronous: %d", res.StatusCode)
	}
}

func TestCallsAreSharedByTheReplicasThatAreUp(t *testing.T) {
	t.Parallel()
	h := build(t, 5*time.Second)
	var mu sync.Mutex
	seen, hold := map[string]int{}, make(chan struct{})
	answer := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			seen[name]++
			mu.Unlock()
			if r.URL.Path == "/hold" {
				<-hold
			}
			fmt.Fprint(w, name)
		}
	}
	a := h.replica(t, "a", answer("a"))
	h.replica(t, "b", answer("b"))
	for range 20 {
		h.do(t, http.MethodGet, "/function/echo", "")
	}
	if seen["a"] != 10 || seen["b"] != 10 {
		t.Errorf("taking turns: %v", seen)
	}
	held := make(chan string)
	go func() {
		_, text := h.do(t, http.MethodGet, "/function/echo/hold", "")
		held <- text
	}()
	for busy := false; !busy; {
		mu.Lock()
		busy = seen["a"]+seen["b"] == 21
		mu.Unlock()
	}
	var free string
	for range 10 { // the busy one is spared
		_, text := h.do(t, http.MethodGet, "/function/echo", "")
		if free == "" {
			free = text
		}
		if text != free {
			t.Errorf("answered by %s and %s while one is busy", free, text)
		}
	}
	close(hold)
	if busy := <-held; busy == free {
		t.Errorf("%s was busy and took calls", busy)
	}
	a.Down()
	for range 10 {
		if _, text := h.do(t, http.MethodGet, "/function/echo", ""); text != "b" {
			t.Errorf("answered by %q, which is down", text)
		}
	}
	h.echo.Remove(a)
	if h.echo.Available() != 1 {
		t.Errorf("%d available", h.echo.Available())
	}
}

func TestAnUpgradeDoesNotPass(t *testing.T) {
	t.Parallel()
	h := build(t, time.Second)
	h.replica(t, "a", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			w.WriteHeader(http.StatusSwitchingProtocols)
		}
	})
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /function/echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(line, " 200 ") {
		t.Errorf("answer %q, %v", line, err)
	}
}

func TestAStreamIsFlushedAsItComes(t *testing.T) {
	t.Parallel()
	h := build(t, time.Second)
	more := make(chan struct{})
	h.replica(t, "a", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "one")
		_ = http.NewResponseController(w).Flush()
		<-more
		fmt.Fprintln(w, "two")
	})
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url+"/function/echo", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	if !lines.Scan() || lines.Text() != "one" {
		t.Errorf("first line %q", lines.Text())
	}
	close(more)
	if !lines.Scan() || lines.Text() != "two" {
		t.Errorf("second line %q", lines.Text())
	}
}
