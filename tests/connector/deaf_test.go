package connector_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/coder/websocket"
	"github.com/rs/zerolog"

	"bazaar/infra/connector"
)

// between puts a proxy in front of a server and gives its address.
func between(t *testing.T, upstream string) (*toxiproxy.Proxy, string) {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := toxiproxy.NewProxy(server, "nats", "127.0.0.1:0", upstream)
	must(t, server.Collection.Add(p, true))
	t.Cleanup(p.Stop)
	return p, p.Listen
}

// TestADeafNodeSendsItsClientsAway: one that NATS was cut off from tells them, over
// time, and lets nobody in until it hears again. The others are not concerned.
func TestADeafNodeSendsItsClientsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	proxy, address := between(t, strings.TrimPrefix(w.nats.URL, "nats://"))
	cut := w.nats.Settings()
	cut.URL = "nats://" + address
	deaf := w.open(options{bus: cut, settings: func(s *connector.Settings) { s.DeafAfter = time.Second }})
	good := w.open(options{})
	var all []*person
	for i := range 5 {
		all = append(all, w.join(deaf, fmt.Sprintf("user%d", i), "d"))
	}
	other := w.join(good, "other", "d")
	proxy.Stop()
	for _, p := range all {
		bye := p.await("bye", "code", 4006)
		if after := bye["after_ms"].(float64); after < 0 || after > 10_000 {
			t.Errorf("bye %v", bye)
		}
	}
	if deaf.Ready() {
		t.Error("it says that it is ready")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, res, err := websocket.Dial(ctx, "ws://"+deaf.address+"/v1/ws", nil); err == nil || res == nil || res.StatusCode != 503 {
		t.Errorf("it lets somebody in: %v", err)
	}
	must(t, proxy.Update(&toxiproxy.Proxy{Listen: proxy.Listen, Upstream: proxy.Upstream, Enabled: true}))
	await(t, "it to hear again", deaf.Ready)
	for _, p := range all {
		if code := p.code(); code != 4006 {
			t.Errorf("closed with %d", code)
		}
	}
	w.join(deaf, "user0", "d")
	other.say(line{"t": "ping"})
	other.await("pong")
}
