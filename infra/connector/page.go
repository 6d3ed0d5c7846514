package connector

import (
	"encoding/json"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler serves /metrics, /_/health (the process lives) and /_/ready: newcomers
// are let in. Its body says why not.
func (n *Connector) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(n.gatherer, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /_/health", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("GET /_/ready", n.readiness)
	return mux
}

func (n *Connector) readiness(w http.ResponseWriter, _ *http.Request) {
	state := map[string]any{
		"hears": n.hearing.Load(), "drains": n.leaves.Load(),
		"sockets": n.server.Sockets(), "max_sockets": n.settings.MaxSockets,
	}
	w.Header().Set("Content-Type", "application/json")
	if !n.Ready() {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(state)
}

// Ready reports whether newcomers are let in.
func (n *Connector) Ready() bool {
	return n.hearing.Load() && !n.leaves.Load() && n.server.Sockets() < n.settings.MaxSockets
}
