package fn

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bazaar/shared/fault"
	"bazaar/shared/telemetry"
)

// over serves b over a real connection, with b's timeouts.
func (b *bench) over(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(b)
	set := b.run.Settings
	server.Config = b.run.httpServer(b, set.ReadTimeout, set.writeTimeout())
	server.Start()
	t.Cleanup(server.Close)
	return server
}

func TestBodiesOverTheLimit(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(s *Settings) { s.MaxBody = 20 }, Public("POST /{id}", Step(greet)), Public("PUT /{id}", Step(greet), MaxBody(1000)))
	url := b.over(t).URL + "/i1"
	fits, over := `{"name":"12345678"}`, `{"name":"`+strings.Repeat("x", 100)+`"}`
	for _, chunked := range []bool{false, true} {
		for _, c := range []struct {
			method, body string
			status       int
		}{{"POST", fits, 201}, {"POST", over, 413}, {"PUT", over, 201}} {
			var body io.Reader = strings.NewReader(c.body)
			if chunked {
				body = io.MultiReader(body)
			}
			r, err := http.NewRequest(c.method, url, body)
			if err != nil {
				t.Fatal(err)
			}
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			a := read(t, res)
			if a.StatusCode != c.status || c.status == 413 && (a.json["code"] != "too_large" || a.Header.Get("X-Fault") != "too_large") {
				t.Errorf("chunked %t, %s of %d bytes: %d %s", chunked, c.method, len(c.body), a.StatusCode, a.text)
			}
		}
	}
}

func TestASlowBodyIsCutOff(t *testing.T) {
	t.Parallel()
	called := false
	// The read and the write deadline pass at the same time, as by default.
	equal := func(s *Settings) {
		s.ReadTimeout, s.ExecTimeout = 1050*time.Millisecond, 50*time.Millisecond
		s.WriteTimeout = s.ReadTimeout
	}
	b := newBench(t, equal, Public("POST /{$}", Step(func(context.Context, Call, greeting) (Reply, error) {
		called = true
		return Reply{}, nil
	})))
	for _, framing := range []string{"Content-Length: 15", "Transfer-Encoding: chunked"} {
		conn, err := net.Dial("tcp", b.over(t).Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", framing); err != nil {
			t.Fatal(err)
		}
		if framing[0] == 'C' {
			_, _ = fmt.Fprint(conn, `{"name"`)
		} else {
			_, _ = fmt.Fprint(conn, "7\r\n{\"name\"\r\n")
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", framing, err)
		}
		a := read(t, res)
		a.want(t, 408, fault.Timeout, "timeout")
		if !a.Close {
			t.Errorf("%s: the connection stays", framing)
		}
	}
	if called {
		t.Error("the step ran")
	}
}

func TestABodyThatBreaksOff(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, Public("POST /{$}", Step(greet)))
	r := httptest.NewRequest("POST", "/", io.LimitReader(strings.NewReader(`{"name"`), 7))
	r.ContentLength = 15
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	read(t, w.Result()).want(t, 400, fault.Invalid, "invalid_body")
}

func TestAStepMayTakeLongerThanItsRequest(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(s *Settings) { s.ReadTimeout = 50 * time.Millisecond }, Public("POST /{$}", Step(func(ctx context.Context, _ Call, _ None) (Reply, error) {
		rest := time.NewTimer(200 * time.Millisecond)
		defer rest.Stop()
		select {
		case <-ctx.Done():
			return Reply{}, ctx.Err()
		case <-rest.C:
			return Reply{}, nil
		}
	})))
	url := b.over(t).URL
	for _, body := range []string{"", "{}"} {
		res, err := http.Post(url, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		read(t, res).want(t, 204, "", "")
	}
}

// heeds is a step that ends with its deadline.
func heeds(ctx context.Context, _ Call, _ None) (Reply, error) {
	<-ctx.Done()
	return Reply{}, fmt.Errorf("asking the store: %w", ctx.Err())
}

func TestADeadlineIsATimeout(t *testing.T) {
	t.Parallel()
	short := newBench(t, func(s *Settings) { s.ExecTimeout = 30 * time.Millisecond }, Public("GET /{$}", Step(heeds)))
	short.ask(t, "GET", "/", "").want(t, 504, fault.Timeout, "timeout")
	long := newBench(t, nil, Public("GET /{$}", Step(heeds)))
	for _, asked := range []string{"30ms", "1"} {
		start := time.Now()
		long.ask(t, "GET", "/", "", "X-Timeout: "+asked).want(t, 504, fault.Timeout, "timeout")
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("X-Timeout: %s took %s", asked, took)
		}
	}
}

// A store is not to blame for a caller's haste, but is for what it keeps waiting.
func TestHasteIsTheCallersOwn(t *testing.T) {
	t.Parallel()
	blames := Public("GET /{$}", Step(func(ctx context.Context, _ Call, _ None) (Reply, error) {
		<-ctx.Done()
		return Reply{}, fault.New(fault.Unavailable, "unavailable", "The store is away.")
	}))
	newBench(t, nil, blames).ask(t, "GET", "/", "", "X-Timeout: 1ns").want(t, 504, fault.Timeout, "timeout")
	short := newBench(t, func(s *Settings) { s.ExecTimeout = 30 * time.Millisecond }, blames)
	short.ask(t, "GET", "/", "").want(t, 503, fault.Unavailable, "unavailable")
}

func TestAStepThatIgnoresItsDeadlineIsAnsweredFor(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	b := newBench(t, func(s *Settings) { s.ExecTimeout = 30 * time.Millisecond }, Public("GET /{$}", Step(func(context.Context, Call, None) (Reply, error) {
		<-release
		return Reply{Body: "late"}, nil
	})))
	a := fetch(t, b.over(t).URL)
	a.want(t, 504, fault.Timeout, "timeout")
	if lines := b.log.lines(t, "call"); len(lines) != 1 || b.metrics.inflight.Load() != 1 {
		t.Errorf("%d lines, %d in flight", len(lines), b.metrics.inflight.Load())
	}
	close(release)
	waitFor(t, "the step's end", func() bool {
		return len(b.log.lines(t, "step ended after its call")) == 1 && b.metrics.inflight.Load() == 0
	})
	if lines := b.log.lines(t, "call"); len(lines) != 1 {
		t.Errorf("%d lines for one call", len(lines))
	}
}

func TestACallerWhoLeavesEndsTheStep(t *testing.T) {
	t.Parallel()
	began := make(chan struct{})
	b := newBench(t, nil, Public("GET /{$}", Step(func(ctx context.Context, c Call, n None) (Reply, error) {
		close(began)
		return heeds(ctx, c, n)
	})))
	ctx, leave := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, "GET", b.over(t).URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() { <-began; leave() }()
	if res, err := http.DefaultClient.Do(r); err == nil {
		t.Errorf("answered %d", res.StatusCode)
	}
	waitFor(t, "the call's line", func() bool { return len(b.log.lines(t, "call")) == 1 })
	if line := b.log.lines(t, "call")[0]; line["fault"] != "unavailable" {
		t.Errorf("line %v", line)
	}
}

func TestAPanicIsOneAnswerAndTheProcessLives(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, Public("GET /{$}", Step(nothing)), Public("GET /panic", Step(func(context.Context, Call, None) (Reply, error) {
		panic("no such row in accounts")
	})))
	url := b.over(t).URL
	a := fetch(t, url+"/panic")
	a.want(t, 500, fault.Internal, "internal")
	if strings.Contains(a.text, "accounts") {
		t.Errorf("the caller sees the panic: %s", a.text)
	}
	line := b.log.lines(t, "call")[0]
	if !strings.Contains(line["error"].(string), "accounts") || !strings.Contains(line["stack"].(string), "exchange_test.go") {
		t.Errorf("line %v", line)
	}
	fetch(t, url).want(t, 204, "", "")
}

func TestMaxInflight(t *testing.T) {
	t.Parallel()
	began, release := make(chan struct{}), make(chan struct{})
	b := newBench(t, func(s *Settings) { s.MaxInflight = 1 }, Public("GET /{$}", Step(func(context.Context, Call, None) (Reply, error) {
		began <- struct{}{}
		<-release
		return Reply{}, nil
	})))
	url := b.over(t).URL
	first := make(chan *answer, 1)
	go func() { first <- fetch(t, url) }()
	<-began
	a := fetch(t, url)
	a.want(t, 429, fault.Limited, "limited")
	if a.Header.Get("Retry-After") != "1" || a.Header.Get("X-Openfaas-Internal") == "" {
		t.Errorf("headers %v", a.Header)
	}
	release <- struct{}{}
	(<-first).want(t, 204, "", "")
	go func() { <-began; release <- struct{}{} }()
	fetch(t, url).want(t, 204, "", "")
}

func TestCallIDsAndTracesGoThrough(t *testing.T) {
	t.Parallel()
	var inStep, inTrace string
	b := newBench(t, nil, Public("GET /{$}", Step(func(ctx context.Context, _ Call, _ None) (Reply, error) {
		inStep, inTrace = CallID(ctx), telemetry.TraceID(ctx)
		return Reply{}, nil
	})))
	a := b.ask(t, "GET", "/", "", "X-Call-Id: c-17", "traceparent: "+traceparent)
	out := a.Header.Get("Traceparent")
	if a.Header.Get("X-Call-Id") != "c-17" || inStep != "c-17" || !strings.HasPrefix(out, traceparent[:36]) || out == traceparent || inTrace != traceparent[3:35] {
		t.Errorf("headers %v, in the step %s, %s", a.Header, inStep, inTrace)
	}
	line := b.log.lines(t, "call")[0]
	for name, want := range map[string]any{
		"function": "probe", "method": "GET", "path": "/", "status": 204.0, "call_id": "c-17", "trace_id": inTrace, "span_id": out[36:52], "level": "INFO",
	} {
		if line[name] != want {
			t.Errorf("%s is %v, want %v", name, line[name], want)
		}
	}
	if _, ok := line["duration_ms"].(float64); !ok {
		t.Errorf("line %v", line)
	}
	b.ask(t, "GET", "/"+strings.Repeat("x", 1000), "")
	if path, _ := b.log.lines(t, "call")[1]["path"].(string); len(path) != maxLogged {
		t.Errorf("a path of %d bytes is in the log", len(path))
	}
	for _, id := range []string{"", "a b", "ä", strings.Repeat("x", 129)} {
		a := b.ask(t, "GET", "/", "", "X-Call-Id: "+id)
		if got := a.Header.Get("X-Call-Id"); len(got) != 32 || got == id {
			t.Errorf("%q becomes %q", id, got)
		}
	}
	if one, two := b.ask(t, "GET", "/", ""), b.ask(t, "GET", "/", ""); one.Header.Get("X-Call-Id") == two.Header.Get("X-Call-Id") ||
		one.Header.Get("Traceparent")[:36] == two.Header.Get("Traceparent")[:36] {
		t.Error("two calls share an id")
	}
}

func TestALargeAnswerArrivesWhole(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("x", 1<<20)
	b := newBench(t, nil, Public("GET /{$}", Step(func(context.Context, Call, None) (Reply, error) { return Reply{Body: text}, nil })))
	if a := fetch(t, b.over(t).URL); len(a.text) != len(text)+2 {
		t.Errorf("%d bytes", len(a.text))
	}
}
