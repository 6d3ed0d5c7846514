package fn

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"bazaar/shared/fault"
)

type greeting struct {
	Name string `json:"name"`
}

func greet(_ context.Context, c Call, in greeting) (Reply, error) {
	return Reply{Status: 201, Body: map[string]string{"hello": in.Name, "to": c.Params["id"]}, Header: map[string]string{"location": "/x"}}, nil
}

func TestAStepIsAFunctionHandler(t *testing.T) {
	t.Parallel()
	res, err := Step(greet).Handle(handler.Request{Body: []byte(`{"name":"Ada"}`)})
	if err != nil || res.StatusCode != 201 || string(res.Body) != `{"hello":"Ada","to":""}` {
		t.Errorf("%d %s %v", res.StatusCode, res.Body, err)
	}
}

func TestAStepsReplyIsJSON(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, Public("POST /{id}", Step(greet)))
	a := b.ask(t, "POST", "/i1", `{"name":"Ada"}`)
	a.want(t, 201, "", "")
	if a.Header.Get("Content-Type") != "application/json" || a.Header.Get("Location") != "/x" || a.text != `{"hello":"Ada","to":"i1"}` {
		t.Errorf("%v %s", a.Header, a.text)
	}
}

func TestRepliesOfEveryForm(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		reply  Reply
		status int
		typ    string
		body   string
	}{
		"nothing":         {Reply{}, 204, "", ""},
		"a body":          {Reply{Body: 1}, 200, "application/json", "1"},
		"no slice":        {Reply{Body: Page{Items: []string(nil)}}, 200, "application/json", `{"items":[],"next":null}`},
		"a page":          {Reply{Body: Page{Items: []int{1}, Next: "c"}}, 200, "application/json", `{"items":[1],"next":"c"}`},
		"raw":             {Reply{Raw: []byte("success"), ContentType: "text/plain"}, 200, "text/plain", "success"},
		"raw JSON":        {Reply{Status: 202, Raw: []byte("{}")}, 202, "application/json", "{}"},
		"only a status":   {Reply{Status: 204}, 204, "", ""},
		"HTML in strings": {Reply{Body: "<a>&"}, 200, "application/json", `"<a>&"`},
	} {
		b := newBench(t, nil, Public("GET /{$}", Step(func(context.Context, Call, None) (Reply, error) { return c.reply, nil })))
		a := b.ask(t, "GET", "/", "")
		if a.StatusCode != c.status || a.Header.Get("Content-Type") != c.typ || a.text != c.body {
			t.Errorf("%s: %d %q %s", name, a.StatusCode, a.Header.Get("Content-Type"), a.text)
		}
	}
}

func TestABodyThatIsNoJSONIsInternal(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, Public("GET /{$}", Step(func(context.Context, Call, None) (Reply, error) {
		return Reply{Body: make(chan int)}, nil
	})))
	b.ask(t, "GET", "/", "").want(t, 500, fault.Internal, "internal")
}

func TestAStepWithoutABodyTakesNone(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, Public("POST /{$}", Step(nothing)))
	b.ask(t, "POST", "/", "").want(t, 204, "", "")
	b.ask(t, "POST", "/", "{}").want(t, 204, "", "")
	b.ask(t, "POST", "/", `{"x":1}`).want(t, 400, fault.Invalid, "invalid_body")
	b.ask(t, "POST", "/", `x`).want(t, 400, fault.Invalid, "invalid_body")
}

func TestErrorsAreProblems(t *testing.T) {
	t.Parallel()
	err := fault.New(fault.Unavailable, "queue_full", "The queue is full.").Because(errors.New("10.0.0.7:4222 refused")).After(1100 * time.Millisecond).At("lines[0].sku")
	b := newBench(t, nil, Public("GET /{id}/x", Step(failing(err))))
	a := b.ask(t, "GET", "/i1/x", "", "traceparent: "+traceparent)
	a.want(t, 503, fault.Unavailable, "queue_full")
	if a.Header.Get("Content-Type") != "application/problem+json" || a.Header.Get("Retry-After") != "2" {
		t.Errorf("headers %v", a.Header)
	}
	for member, want := range map[string]any{
		"type": "/problems/queue-full", "title": "Queue full", "status": 503.0, "detail": "The queue is full.",
		"instance": "/function/probe/i1/x", "code": "queue_full", "field": "lines[0].sku", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
	} {
		if a.json[member] != want {
			t.Errorf("%s is %v, want %v", member, a.json[member], want)
		}
	}
	if strings.Contains(a.text, "10.0.0.7") {
		t.Errorf("the caller sees the cause: %s", a.text)
	}
	if line := b.log.lines(t, "call")[0]; !strings.Contains(line["error"].(string), "10.0.0.7") {
		t.Errorf("the log lacks the cause: %v", line)
	}
}

func TestWhatIsNoFaultIsInternalAndHidden(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, Public("GET /{$}", Step(failing(errors.New("password=hunter2")))))
	a := b.ask(t, "GET", "/", "", "X-Call-Id: c-17")
	a.want(t, 500, fault.Internal, "internal")
	if strings.Contains(a.text, "hunter2") {
		t.Errorf("the caller sees %s", a.text)
	}
	line := b.log.lines(t, "call")[0]
	if line["level"] != "ERROR" || line["call_id"] != "c-17" || !strings.Contains(line["error"].(string), "hunter2") {
		t.Errorf("line %v", line)
	}
}

func TestEveryKindHasItsStatus(t *testing.T) {
	t.Parallel()
	for kind, status := range map[fault.Kind]int{
		fault.Invalid: 400, fault.Unauthenticated: 401, fault.Denied: 403, fault.NotFound: 404, fault.Conflict: 409, fault.TooLarge: 413,
		fault.Mismatch: 422, fault.Limited: 429, fault.Unavailable: 503, fault.Timeout: 504, fault.Internal: 500,
	} {
		b := newBench(t, nil, Public("GET /{$}", Step(failing(fault.New(kind, "some_code", "Some detail.")))))
		a := b.ask(t, "GET", "/", "")
		a.want(t, status, kind, "some_code")
		if got := a.Header.Get("Retry-After"); (status == 429 || status == 503) != (got == "1") {
			t.Errorf("%s: Retry-After %q", kind, got)
		}
		if got := a.Header.Get("WWW-Authenticate"); (status == 401) != (got == "Bearer") {
			t.Errorf("%s: WWW-Authenticate %q", kind, got)
		}
	}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"": 20, "1": 1, "100": 100, "101": 100, "99999999999999999999999": 100} {
		if got, err := (Call{Query: map[string][]string{"limit": {text}}}).Limit(); got != want || err != nil {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"0", "-1", "1.5", "many", "+5", " 5", "1e2"} {
		if _, err := (Call{Query: map[string][]string{"limit": {text}}}).Limit(); !fault.Is(err, "invalid_limit") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
