// Package gateway speaks the OpenFaaS API for the functions of the local
// runner: it forwards /function/<name> to their replicas and answers
// /system/* as the real gateway and faasd do, so that faas-cli and the trigger
// work against it unchanged. Beside that it serves the page of the chat. It starts and stops nothing itself, and it has no
// queue for asynchronous calls.
package gateway

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"bazaar/infra/local/secret"
)

// Namespace is the only one there is.
const Namespace = "openfaas-fn"

// internalHeader marks an answer of the platform: the function has not spoken.
const internalHeader = "X-Openfaas-Internal"

// servedBy is how the gateway signs what it forwards.
const servedBy = "bazaar-local"

// Settings are what a gateway needs. All are required but Scale and Chat.
type Settings struct {
	User, Password string // for /system
	Secrets        *secret.Folder
	Log            *slog.Logger
	// Timeout is how long a function may take until its answer begins: the
	// upstream_timeout of the real gateway.
	Timeout time.Duration
	// Scale changes the number of replicas of a function; nil refuses.
	Scale func(function string, replicas int) error
	// Chat serves the page of the chat, below /chat/; / leads to it. Nil: there is none.
	Chat http.Handler
}

// Gateway is an http.Handler. Its functions are given once, with New; their
// replicas come and go.
type Gateway struct {
	settings  Settings
	functions map[string]*Function
	ordered   []*Function
	system    http.Handler
	transport *http.Transport
	buffers   buffers
	// over ends when the gateway stops, and with it every stream of logs.
	over context.Context
	stop context.CancelFunc
}

// New makes the gateway of these functions, in this order.
func New(s Settings, functions ...*Function) *Gateway {
	over, stop := context.WithCancel(context.Background())
	g := &Gateway{settings: s, functions: map[string]*Function{}, ordered: functions, over: over, stop: stop, transport: newTransport(s.Timeout)}
	for _, f := range functions {
		g.functions[f.Spec.Name] = f
		f.gateway = g
	}
	g.system = g.routes()
	return g
}

// Close ends the streams of logs and the idle connections to functions.
func (g *Gateway) Close() {
	g.stop()
	g.transport.CloseIdleConnections()
}

// ServeHTTP forwards a call or answers for the system.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rest, call := strings.CutPrefix(r.URL.Path, "/function/")
	if !call {
		// The server's deadline is for the body of a call; logs are followed for hours.
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
		g.system.ServeHTTP(w, r)
		return
	}
	name, _, _ := strings.Cut(rest, "/")
	f := g.find(name)
	if f == nil {
		w.Header().Set("Connection", "close") // whatever body there is, nobody reads it
		w.Header().Set(internalHeader, "gateway")
		http.Error(w, "There is no function "+name+".", http.StatusNotFound)
		return
	}
	f.serve(w, r)
}

// find looks a function up by its name, which may carry the namespace.
func (g *Gateway) find(name string) *Function {
	if f, ok := g.functions[name]; ok {
		return f
	}
	return g.functions[strings.TrimSuffix(name, "."+Namespace)]
}

// newTransport is tuned for few hosts, all on loopback: many idle connections
// to each, forgotten before the function closes them from its side.
func newTransport(timeout time.Duration) *http.Transport {
	return &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 2 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		MaxIdleConns:          0, // no limit in sum
		MaxIdleConnsPerHost:   1024,
		IdleConnTimeout:       20 * time.Second,
		ResponseHeaderTimeout: timeout,
		DisableCompression:    true,
	}
}
