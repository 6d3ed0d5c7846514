package trigger_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/openfaas/faas-provider/types"

	"bazaar/shared/event"
)

// call is one call that a function got.
type call struct {
	Function string
	Header   http.Header
	Body     []byte
	Events   []event.Event
}

func (c call) ids() []string {
	var ids []string
	for _, e := range c.Events {
		ids = append(ids, e.ID)
	}
	return ids
}

// reply is what a function answers. The zero reply is 200 without a body.
type reply struct {
	Status  int
	Fault   string
	After   string // Retry-After
	Failed  []failed
	Hangup  bool   // the connection ends without an answer
	Garbage string // instead of JSON
}

type failed struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	Detail string `json:"detail"`
}

// gateway stands in for OpenFaaS's: a list of functions, and what they answer.
type gateway struct {
	t   *testing.T
	url string

	mu        sync.Mutex
	functions map[string]types.FunctionStatus
	answers   map[string]func(call) reply
	calls     []call
	running   map[string]int
	most      map[string]int
	broken    bool // the list cannot be read
	lists     int

	over chan struct{} // closed with the test, so that no call holds it up
}

func newGateway(t *testing.T) *gateway {
	t.Helper()
	g := &gateway{
		t: t, functions: map[string]types.FunctionStatus{}, answers: map[string]func(call) reply{},
		running: map[string]int{}, most: map[string]int{}, over: make(chan struct{}),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /system/functions", g.list)
	mux.HandleFunc("POST /function/{name}", g.invoke)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	g.url = server.URL
	return g
}

// deploy lists a function with these annotations ("key", "value", …).
func (g *gateway) deploy(name string, annotations ...string) {
	values := map[string]string{}
	for i := 0; i < len(annotations); i += 2 {
		values[annotations[i]] = annotations[i+1]
	}
	environment := map[string]string{}
	if n, ok := values["max_inflight"]; ok {
		environment["max_inflight"] = n
		delete(values, "max_inflight")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.functions[name] = types.FunctionStatus{Name: name, Annotations: &values, EnvVars: environment}
}

func (g *gateway) remove(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.functions, name)
}

func (g *gateway) breakList(broken bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.broken = broken
}

// on sets what a function answers.
func (g *gateway) on(name string, answer func(call) reply) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answers[name] = answer
}

// hold makes a function answer nothing until release is called.
func (g *gateway) hold(name string) (release func()) {
	held := make(chan struct{})
	g.on(name, func(call) reply {
		select {
		case <-held:
		case <-g.over:
		}
		return reply{}
	})
	return sync.OnceFunc(func() { close(held) })
}

// end lets every held call go.
func (g *gateway) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.over:
	default:
		close(g.over)
	}
}

// seen is the calls that a function got so far.
func (g *gateway) seen(name string) []call {
	g.mu.Lock()
	defer g.mu.Unlock()
	var calls []call
	for _, c := range g.calls {
		if c.Function == name {
			calls = append(calls, c)
		}
	}
	return calls
}

// times is how often a function was called with an event.
func (g *gateway) times(name, id string) int {
	n := 0
	for _, c := range g.seen(name) {
		if slices.Contains(c.ids(), id) {
			n++
		}
	}
	return n
}

func (g *gateway) polls() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lists
}

func (g *gateway) atOnce(name string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.most[name]
}

func (g *gateway) list(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lists++
	if user != "admin" || password != "list-password" || g.broken {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	functions := []types.FunctionStatus{}
	for _, f := range g.functions {
		functions = append(functions, f)
	}
	_ = json.NewEncoder(w).Encode(functions)
}

func (g *gateway) invoke(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	c := call{Function: r.PathValue("name"), Header: r.Header.Clone(), Body: body}
	c.Events, _ = event.DecodeBatch(body)
	g.mu.Lock()
	g.calls = append(g.calls, c)
	g.running[c.Function]++
	g.most[c.Function] = max(g.most[c.Function], g.running[c.Function])
	_, deployed := g.functions[c.Function]
	answer := g.answers[c.Function]
	g.mu.Unlock()
	a := reply{}
	switch {
	case !deployed:
		a.Status = http.StatusNotFound
	case answer != nil:
		a = answer(c)
	}
	g.mu.Lock()
	g.running[c.Function]--
	g.mu.Unlock()
	a.write(w)
}

func (a reply) write(w http.ResponseWriter) {
	if a.Hangup {
		panic(http.ErrAbortHandler)
	}
	if a.Fault != "" {
		w.Header().Set("X-Fault", a.Fault)
	}
	if a.After != "" {
		w.Header().Set("Retry-After", a.After)
	}
	if a.Failed != nil || a.Garbage != "" {
		w.Header().Set("Content-Type", "application/json")
	}
	if a.Status != 0 {
		w.WriteHeader(a.Status)
	}
	if a.Failed != nil {
		_ = json.NewEncoder(w).Encode(map[string]any{"failed": a.Failed})
	}
	fmt.Fprint(w, a.Garbage)
}
