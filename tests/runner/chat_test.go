package runner_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"bazaar/infra/local"
)

// connectors are the processes that hold sockets, by their names.
func (r *runner) connectors() []local.Part {
	r.t.Helper()
	return slices.DeleteFunc(r.state().Processes, func(p local.Part) bool { return p.Name != "connector" })
}

// hello opens a socket as a page of the origin does and gives the first line.
func hello(ctx context.Context, address, origin string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, address, &websocket.DialOptions{
		Subprotocols: []string{"bazaar.v1.json"}, HTTPHeader: http.Header{"Origin": {origin}},
	})
	if err != nil {
		return "", err
	}
	defer conn.CloseNow()
	_, line, err := conn.Read(ctx)
	return string(line), err
}

// TestThePageFindsItsConnectors: the page is there, it is told of every
// connector, these take sockets of that page and of no other, and one that is
// killed comes back where it was.
func TestThePageFindsItsConnectors(t *testing.T) {
	t.Parallel()
	r := whole(t, newDir(t), "--connectors", "2", "--set", "connector.heartbeat=7s")
	parts := r.connectors()
	if len(parts) != 2 || parts[0].Instance != "connector-1" || parts[1].Instance != "connector-2" {
		t.Fatalf("connectors %+v", parts)
	}
	for _, path := range []string{"/", "/chat/"} {
		if status, text, _ := r.call(http.MethodGet, path, ""); status != http.StatusOK || !strings.Contains(text, "app.js") {
			t.Errorf("%s: %d %.100q", path, status, text)
		}
	}
	_, text, header := r.call(http.MethodGet, "/chat/config.json", "")
	var config struct {
		Sockets []string
		API     string
	}
	if err := json.Unmarshal([]byte(text), &config); err != nil || config.API != "/function" ||
		!slices.Equal(config.Sockets, []string{parts[0].Address, parts[1].Address}) {
		t.Errorf("the page is told %s, %v; the connectors are %+v", text, err, parts)
	}
	gateway := r.state().Gateway
	for _, p := range parts {
		if !strings.Contains(header.Get("Content-Security-Policy"), strings.TrimSuffix(p.Address, "/v1/ws")) {
			t.Errorf("the page may not connect to %s", p.Address)
		}
		if !strings.Contains(r.err.String(), p.Address) {
			t.Errorf("%s is not in what it says at the end", p.Address)
		}
		for _, origin := range []string{gateway, strings.Replace(gateway, "127.0.0.1", "localhost", 1)} {
			line, err := hello(t.Context(), p.Address, origin)
			if err != nil || !strings.Contains(line, `"t":"hello"`) || !strings.Contains(line, `"heartbeat_ms":7000`) {
				t.Errorf("%s says %q to %s, %v", p.Instance, line, origin, err)
			}
		}
		if _, err := hello(t.Context(), p.Address, "http://127.0.0.1:1"); websocket.CloseStatus(err) != 4206 {
			t.Errorf("a page of another origin: %v", err)
		}
	}
	if status, _, _ := r.call(http.MethodGet, "/system/info", ""); status != http.StatusOK {
		t.Errorf("/system/info: %d", status)
	}
	if err := syscall.Kill(parts[0].Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "connector-1 is back", func() bool {
		now := r.connectors()[0]
		return now.Ready && now.Pid != parts[0].Pid && strings.Contains(r.err.String(), "connector-1 is back")
	})
	if line, err := hello(t.Context(), parts[0].Address, gateway); err != nil {
		t.Errorf("after its death: %q, %v", line, err)
	}
}
