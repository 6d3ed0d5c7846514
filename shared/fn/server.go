package fn

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/telemetry"
)

// server is the HTTP face of a function.
type server struct {
	run       *Runtime
	mux       *http.ServeMux
	metrics   *metrics
	event     *Route // nil without an Event door
	unmatched *Route
	refused   *Route
	ready     atomic.Bool
	recording bool
	watch     watch
	json      []string // the Content-Type of most answers
}

func newServer(r *Runtime, routes Routes) (*server, error) {
	s := &server{run: r, mux: http.NewServeMux(), recording: r.Settings.Telemetry.Endpoint != "", json: []string{"application/json"}}
	s.unmatched = &Route{pattern: "unmatched", run: s.unmatchedRun}
	s.refused = &Route{pattern: "refused", run: refuse}
	var err error
	if s.event, err = routes.event(); err != nil {
		return nil, err
	}
	if err := routes.register(s.mux, s.at); err != nil {
		return nil, err
	}
	s.mux.HandleFunc("/", s.at(s.unmatched))
	all := []*Route{s.unmatched, s.refused}
	for i := range routes {
		all = append(all, &routes[i])
	}
	s.metrics, err = newMetrics(r.Telemetry.Metrics, all)
	return s, err
}

// Handler serves routes without a process around them: default settings, no
// log, no metrics page. It is for the tests of functions.
func Handler(name string, routes Routes) (http.Handler, error) {
	set := defaults()
	tel, err := telemetry.Start(context.Background(), name, set.Telemetry, io.Discard)
	if err != nil {
		return nil, err
	}
	s, err := newServer(newRuntime(name, set, tel), routes)
	if err != nil {
		return nil, err
	}
	s.ready.Store(true)
	return s, nil
}

// ServeHTTP takes every request, the platform's own included.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case path == "/_/health":
		s.health(w)
	case path == "/_/ready":
		s.readiness(w)
	case s.event != nil && path == "/" && r.Method == http.MethodPost && isBatch(r.Header.Get("Content-Type")):
		s.take(s.event, w, r)
	case odd(path) || r.Method == http.MethodConnect:
		s.take(s.unmatched, w, r)
	default:
		s.mux.ServeHTTP(w, r)
	}
}

// odd reports whether path is one that ServeMux would answer by itself: with a
// redirect that leads out of /function/<name>, or, for "*", with an empty 400.
func odd(path string) bool {
	return strings.Contains(path, "//") || strings.Contains(path, "/.") || !strings.HasPrefix(path, "/")
}

func isBatch(contentType string) bool {
	if contentType == event.ContentType {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == event.ContentType
}

func (s *server) at(rt *Route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { s.take(rt, w, r) }
}

// take runs one call, or refuses it when max_inflight run already.
func (s *server) take(rt *Route, w http.ResponseWriter, r *http.Request) {
	running := s.metrics.inflight.Add(1)
	defer s.metrics.inflight.Add(-1)
	if limit := s.run.Settings.MaxInflight; limit > 0 && running > limit {
		w.Header().Set("X-OpenFaaS-Internal", "fn")
		rt = s.refused
	}
	x := &exchange{s: s, rt: rt, w: w, r: r, start: time.Now(), id: callID(r.Header)}
	x.serve()
}

func refuse(x *exchange) (handler.Response, error) {
	return handler.Response{}, fault.New(fault.Limited, "limited", "Too many calls run at once.").After(time.Second)
}

// unmatchedRun answers 405 where another method would have a route, else 404.
func (s *server) unmatchedRun(x *exchange) (handler.Response, error) {
	allowed := s.allowed(x.r)
	if len(allowed) == 0 {
		return handler.Response{}, notFound()
	}
	if s.event != nil && x.r.URL.Path == "/" && x.r.Method == http.MethodPost {
		f := fault.New(fault.Invalid, "unsupported_media_type", "Events come as %s.", event.ContentType)
		f.HTTPStatus = http.StatusUnsupportedMediaType
		return handler.Response{}, f
	}
	x.w.Header().Set("Allow", strings.Join(allowed, ", "))
	f := fault.New(fault.Invalid, "method_not_allowed", "The method is not one of %s.", strings.Join(allowed, ", "))
	f.HTTPStatus = http.StatusMethodNotAllowed
	return handler.Response{}, f
}

// allowed are the methods that r's path has a route for.
func (s *server) allowed(r *http.Request) (allowed []string) {
	if odd(r.URL.Path) {
		return nil
	}
	for _, method := range methods() {
		probe := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		if _, pattern := s.mux.Handler(probe); pattern != "/" && pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if s.event != nil && r.URL.Path == "/" && !slices.Contains(allowed, http.MethodPost) {
		allowed = append(allowed, http.MethodPost)
	}
	return allowed
}

func methods() []string {
	return []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
	}
}

// health is OpenFaaS's: 200 while the function takes calls.
func (s *server) health(w http.ResponseWriter) {
	if !s.ready.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "OK")
}

// readiness says in its status whether the function takes calls, and only in
// its body how the stores are: else a store that restarts would turn every 503
// that the contract promises into the gateway's empty 502.
func (s *server) readiness(w http.ResponseWriter) {
	ready := s.ready.Load()
	body, err := encode(struct {
		Ready  bool            `json:"ready"`
		Stores map[string]bool `json:"stores"`
	}{ready, s.run.stores.look()})
	if err != nil {
		http.Error(w, fmt.Sprint(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header()["Content-Type"] = s.json
	if !ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = w.Write(body)
}
