package fn

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bazaar/shared/event"
	"bazaar/shared/fault"
)

func TestPathsAndMethods(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil,
		Public("GET /", Step(nothing)), Public("GET /{sku}", Step(nothing)), Public("PUT /{sku}", Step(nothing)), Public("GET /sales/{sale}", Step(nothing)),
	)
	for request, want := range map[string]int{
		"GET /": 204, "HEAD /": 204, "GET /s1": 204, "PUT /s1": 204, "GET /sales/s1": 204, "GET /a_B-9": 204,
		"GET /s1/": 404, "GET /s1/x": 404, "GET //": 404, "GET /../etc": 404, "GET /./x": 404, "GET /sales//s1": 404, "GET /_/other": 404,
		"GET /{sku}": 404, "GET /*": 404, "GET /a b": 404, "GET /a\nb": 404, "GET /a%b": 404, "GET /é": 404, "GET /a:b": 404, "GET /a\x00": 404,
		"GET /" + strings.Repeat("a", 64): 204, "GET /" + strings.Repeat("a", 65): 404,
		"POST /": 405, "DELETE /s1": 405, "PATCH /s1": 405, "BREW /s1": 405, "DELETE /s1/x": 404, "CONNECT /": 405,
	} {
		method, path, _ := strings.Cut(request, " ")
		a := b.ask(t, method, path, "")
		switch want {
		case 204:
			a.want(t, 204, "", "")
		case 404:
			a.want(t, 404, fault.NotFound, "not_found")
		case 405:
			a.want(t, 405, fault.Invalid, "method_not_allowed")
		}
		if t.Failed() {
			t.Fatal(request)
		}
	}
	if got := b.ask(t, "POST", "/", "").Header.Get("Allow"); got != "GET, HEAD" {
		t.Errorf("Allow: %s", got)
	}
	if got := b.ask(t, "POST", "/s1", "").Header.Get("Allow"); got != "GET, HEAD, PUT" {
		t.Errorf("Allow: %s", got)
	}
}

func TestQueriesAreText(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, Public("GET /{$}", Step(nothing)))
	b.ask(t, "GET", "/?q=caf%C3%A9&q=%25", "").want(t, 204, "", "")
	for _, query := range []string{"q=%00", "q=%ff", "q=%zz", "a=1;b=2"} {
		b.ask(t, "GET", "/?"+query, "").want(t, 400, fault.Invalid, "invalid_query")
	}
}

func TestWrongRoutesAreSaidAtOnce(t *testing.T) {
	t.Parallel()
	step, door := Step(nothing), people{}.door()
	for name, routes := range map[string]Routes{
		"no method's pattern":      {Public("/a/{", step)},
		"the same twice":           {Public("GET /{a}", step), Public("GET /{b}", step)},
		"roles for anyone":         {Public("GET /", step, Roles("admin"))},
		"money for partners":       {Raw("POST /", func(context.Context, RawCall) (Reply, error) { return Reply{}, nil }, Money())},
		"an old list for anyone":   {Public("GET /", step, ListAge(time.Minute))},
		"an old list for partners": {Raw("POST /", func(context.Context, RawCall) (Reply, error) { return Reply{}, nil }, ListAge(time.Minute))},
		"an old list for money":    {User(door, "GET /", step, Money(), ListAge(time.Minute))},
		"an old list for a role":   {User(door, "GET /", step, ListAge(time.Minute), Roles("admin"))},
		"a list of no age":         {User(door, "GET /", step, ListAge(0))},
		"a list of last week":      {User(door, "GET /", step, ListAge(7*24*time.Hour))},
		"no revocations":           {User(UserDoor{Tokens: door.Tokens}, "GET /", step)},
		"no tokens":                {User(UserDoor{Revoked: door.Revoked}, "GET /", step)},
		"events of anyone":         {Event(nil)},
		"two doors for events":     {Event(signed{}), Event(signed{})},
	} {
		if _, err := Handler("probe", routes); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestHandlerServesWithoutAProcess(t *testing.T) {
	t.Parallel()
	if _, err := Handler("probe", Routes{Public("GET /", Step(nothing))}); err != nil {
		t.Error(err)
	}
}

func TestTheRawDoorGivesTheBodyAsItCame(t *testing.T) {
	t.Parallel()
	const form = "a=1&a=2&sign=x%2By"
	var got RawCall
	b := newBench(t, nil, Raw("POST /{provider}", func(_ context.Context, c RawCall) (Reply, error) {
		got = c
		return Reply{Raw: []byte("success"), ContentType: "text/plain"}, nil
	}))
	a := b.ask(t, "POST", "/alipay?q=1", form, "Content-Type: application/x-www-form-urlencoded")
	if a.text != "success" || string(got.Body) != form || got.ContentType != "application/x-www-form-urlencoded" ||
		got.Params["provider"] != "alipay" || got.Query.Get("q") != "1" {
		t.Errorf("%s; %+v", a.text, got)
	}
}

func TestHealthIsWhetherCallsAreTaken(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(s *Settings) { s.MaxInflight = 1 })
	b.metrics.inflight.Store(1) // health is answered also when max_inflight run
	for _, path := range []string{"/_/health", "/_/ready"} {
		b.ask(t, "GET", path, "").want(t, 200, "", "")
	}
	b.ready.Store(false)
	for _, path := range []string{"/_/health", "/_/ready"} {
		b.ask(t, "GET", path, "").want(t, 503, "", "")
	}
}

func TestReadyTellsOfStoresInItsBodyOnly(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	asked := 0
	b.run.Report("redis", func(context.Context) error { asked++; return nil })
	b.run.Report("postgres", func(context.Context) error { return fault.New(fault.Unavailable, "x", "password=hunter2") })
	b.run.Report("nats", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	b.run.Report("broken", func(context.Context) error { panic("oh") })
	a := b.ask(t, "GET", "/_/ready", "")
	if a.StatusCode != 200 || a.text != `{"ready":true,"stores":{"broken":false,"nats":false,"postgres":false,"redis":true}}` {
		t.Errorf("%d %s", a.StatusCode, a.text)
	}
	b.ask(t, "GET", "/_/ready", "").want(t, 200, "", "")
	if asked != 1 {
		t.Errorf("two looks within two seconds asked %d times", asked)
	}
	if lines := b.log.lines(t, "store down"); len(lines) != 3 {
		t.Errorf("%d lines", len(lines))
	}
	if err := b.run.Telemetry.Metrics.Register(b.run.stores); err != nil {
		t.Fatal(err)
	}
	if got := metric(t, b, "store_up", "postgres"); got != 0 {
		t.Errorf("store_up{postgres} is %v", got)
	}
	if got := metric(t, b, "store_up", "redis"); got != 1 {
		t.Errorf("store_up{redis} is %v", got)
	}
}

func TestBatchesAreToldByTheirType(t *testing.T) {
	t.Parallel()
	for contentType, want := range map[string]bool{
		event.ContentType: true, "Application/CloudEvents-Batch+JSON; charset=utf-8": true,
		"application/json": false, "": false, "application/cloudevents+json": false, ";": false,
	} {
		if isBatch(contentType) != want {
			t.Errorf("%q: %t", contentType, !want)
		}
	}
}

// A caller who sends the head of a request and then nothing gets the refusal at once.
func TestARefusalDoesNotWaitForTheBody(t *testing.T) {
	h, err := Handler("f", Routes{Public("POST /{$}", Step(func(context.Context, Call, None) (Reply, error) { return Reply{}, nil }))})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusNotFound {
		t.Errorf("status %d", answer.StatusCode)
	}
}

// Refusals that leave a body unread must not harm the calls that follow.
func TestCallsAfterARefusalAreAnswered(t *testing.T) {
	h, err := Handler("f", Routes{Public("POST /{$}", Step(func(context.Context, Call, None) (Reply, error) { return Reply{}, nil }))})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer server.Close()
	for i := range 300 {
		size := 100_000
		if i%50 == 0 {
			size = 8 << 20 // one who is cut off while sending would not see the answer
		}
		body := io.Reader(strings.NewReader(strings.Repeat("x", size)))
		if i%2 == 1 {
			body = struct{ io.Reader }{body} // chunked
		}
		answer, err := http.Post(server.URL, "application/json", body)
		if err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusRequestEntityTooLarge {
			t.Fatalf("call %d: %d", i, answer.StatusCode)
		}
	}
}
