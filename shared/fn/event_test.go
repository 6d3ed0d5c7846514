package fn

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/telemetry"
)

var asTrigger = []string{"Content-Type: " + event.ContentType, "X-Bazaar-Signature: trigger", "X-Topic: order.placed", "X-Attempt: 2"}

const (
	traceA = "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-aaaaaaaaaaaaaaaa-01"
	traceB = "00-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-bbbbbbbbbbbbbbbb-01"
)

func done(context.Context, []event.Event) ([]Failed, error) { return nil, nil }

func TestOnlyTheTriggerPassesTheEventDoor(t *testing.T) {
	t.Parallel()
	called := false
	b := newBench(t, nil, Event(signed{}, On("order.placed", func(context.Context, []event.Event) ([]Failed, error) {
		called = true
		return nil, nil
	})))
	body := encodeBatch(t, newEvent(t, "order.placed", "e1", ""))
	a := b.ask(t, "POST", "/", body, asTrigger[0], "Authorization: Bearer alice+admin")
	a.want(t, 401, fault.Unauthenticated, "invalid_signature")
	if called {
		t.Error("the step ran")
	}
	b.ask(t, "POST", "/", body, asTrigger...).want(t, 200, "", "")
	if !called {
		t.Error("the step did not run")
	}
}

func TestEveryEventHasAVerdict(t *testing.T) {
	t.Parallel()
	var seen []string
	note := func(_ context.Context, batch []event.Event) ([]Failed, error) {
		for _, e := range batch {
			seen = append(seen, e.Type+" "+e.ID)
		}
		return []Failed{FailedFrom("e2", fault.New(fault.Invalid, "unknown_sku", "There is no s9.").Because(errors.New("row 7")))}, nil
	}
	b := newBench(t, nil, Event(signed{}, On("order.placed", note), On("order.paid", done)))
	a := b.ask(t, "POST", "/", encodeBatch(t, newEvent(t, "order.placed", "e1", traceA), newEvent(t, "order.paid", "e3", ""),
		newEvent(t, "order.placed", "e2", traceB), newEvent(t, "order.lost", "e4", "")), asTrigger...)
	a.want(t, 200, "", "")
	want := `{"failed":[{"id":"e2","kind":"invalid","detail":"unknown_sku: There is no s9."},` +
		`{"id":"e4","kind":"invalid","detail":"unknown_event: No step takes \"order.lost\"."}]}`
	if a.text != want {
		t.Errorf("%s", a.text)
	}
	if !slices.Equal(seen, []string{"order.placed e1", "order.placed e2"}) {
		t.Errorf("seen %v", seen)
	}
	if got := metric(t, b, "event_total", "order.placed", "ok"); got != 1 {
		t.Errorf("event_total ok %v", got)
	}
	if got := metric(t, b, "event_total", "order.placed", "invalid"); got != 1 {
		t.Errorf("event_total invalid %v", got)
	}
}

func TestNoFailureIsAnEmptyList(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, Event(signed{}, On("order.placed", done)))
	if a := b.ask(t, "POST", "/", encodeBatch(t, newEvent(t, "order.placed", "e1", "")), asTrigger...); a.text != `{"failed":[]}` {
		t.Errorf("%s", a.text)
	}
}

func TestABatchThatFailsAsAWholeIsAProblem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
		kind   fault.Kind
	}{
		{fault.New(fault.Unavailable, "unavailable", "Later."), 503, fault.Unavailable},
		{context.DeadlineExceeded, 504, fault.Timeout},
		{errors.New("bug"), 500, fault.Internal},
	} {
		b := newBench(t, nil, Event(signed{}, On("order.placed", func(context.Context, []event.Event) ([]Failed, error) { return nil, c.err })))
		b.ask(t, "POST", "/", encodeBatch(t, newEvent(t, "order.placed", "e1", traceA), newEvent(t, "order.placed", "e2", traceB)), asTrigger...).
			want(t, c.status, c.kind, "")
		if lines := b.log.lines(t, "event"); len(lines) != 2 || lines[0]["outcome"] != string(c.kind) {
			t.Errorf("%s: lines %v", c.kind, lines)
		}
	}
}

func TestATopicThatPanicsIsInternal(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, Event(signed{}, On("order.placed", func(context.Context, []event.Event) ([]Failed, error) { panic("oh") })))
	b.ask(t, "POST", "/", encodeBatch(t, newEvent(t, "order.placed", "e1", "")), asTrigger...).want(t, 500, fault.Internal, "internal")
	if line := b.log.lines(t, "call")[0]; line["error"] == nil || line["stack"] == nil {
		t.Errorf("line %v", line)
	}
	b.ask(t, "POST", "/", encodeBatch(t, newEvent(t, "order.placed", "e1", traceA), newEvent(t, "order.placed", "e2", traceB)), asTrigger...).
		want(t, 500, fault.Internal, "internal")
	if lines := b.log.lines(t, "event"); len(lines) != 2 || lines[0]["outcome"] != "internal" {
		t.Errorf("lines %v", lines)
	}
}

func TestTheEventDoorReadsLeniently(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, Event(signed{}, On("order.placed", done)))
	b.ask(t, "POST", "/", `[{"specversion":"1.0","id":"x","source":"/b","type":"order.placed","newer":1,"data":{"newer":[]}}]`, asTrigger...).want(t, 200, "", "")
	for _, body := range []string{"", "{}", `[{"id":"x"}]`, "[", "[] []"} {
		b.ask(t, "POST", "/", body, asTrigger...).want(t, 400, fault.Invalid, "invalid_body")
	}
}

func TestABatchMayBeLargerThanABody(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, Event(signed{}, On("order.placed", done)))
	e := newEvent(t, "order.placed", "e1", "")
	e.Data = []byte(`"` + strings.Repeat("x", 512<<10) + `"`)
	b.ask(t, "POST", "/", encodeBatch(t, e), asTrigger...).want(t, 200, "", "")
	e.Data = []byte(`"` + strings.Repeat("x", maxBatchBody) + `"`)
	b.ask(t, "POST", "/", encodeBatch(t, e), asTrigger...).want(t, 413, fault.TooLarge, "too_large")
}

func TestTheEventDoorStandsBesideAUserDoor(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil, User(people{}.door(), "POST /{$}", Step(nothing)), Event(signed{}, On("order.placed", done)))
	b.ask(t, "POST", "/", "", "Authorization: Bearer alice").want(t, 204, "", "")
	b.ask(t, "POST", "/", encodeBatch(t, newEvent(t, "order.placed", "e1", "")), asTrigger...).want(t, 200, "", "")
	// A person with the batch's content type meets the trigger's check.
	b.ask(t, "POST", "/", "[]", asTrigger[0], "Authorization: Bearer alice").want(t, 401, fault.Unauthenticated, "invalid_signature")

	alone := newBench(t, nil, Event(signed{}, On("order.placed", done)))
	alone.ask(t, "POST", "/", "{}", "Content-Type: application/json").want(t, 415, fault.Invalid, "unsupported_media_type")
	alone.ask(t, "GET", "/", "").want(t, 405, fault.Invalid, "method_not_allowed")
	alone.ask(t, "POST", "/x", "[]", asTrigger...).want(t, 404, fault.NotFound, "not_found")
}

func TestASingleEventIsToldInItsOwnTrace(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ event, header, trace string }{
		"the event's trace":            {traceA, traceB, "aaaa"},
		"the trigger's span in it":     {traceA, strings.Replace(traceA, "-aaaaaaaaaaaaaaaa-", "-cccccccccccccccc-", 1), "aaaa"},
		"an event without one":         {"", traceB, "bbbb"},
		"an event with a broken one":   {"00-xyz", traceB, "bbbb"},
		"an event, a caller with none": {traceA, "", "aaaa"},
	} {
		var inStep string
		b := newBench(t, nil, Event(signed{}, On("order.placed", func(ctx context.Context, batch []event.Event) ([]Failed, error) {
			inStep = telemetry.TraceID(EventContext(ctx, batch[0]))
			return []Failed{FailedFrom("e1", fault.New(fault.Denied, "no", "No.").Because(errors.New("because")))}, nil
		})))
		headers := append([]string{"traceparent: " + c.header}, asTrigger...)
		a := b.ask(t, "POST", "/", encodeBatch(t, newEvent(t, "order.placed", "e1", c.event)), headers...)
		line := b.log.lines(t, "call")[0]
		if id, _ := line["trace_id"].(string); !strings.HasPrefix(id, c.trace) || inStep != id || !strings.Contains(a.Header.Get("Traceparent"), id) {
			t.Errorf("%s: line in %v, step in %s, answer in %s", name, line["trace_id"], inStep, a.Header.Get("Traceparent"))
		}
		if line["event_id"] != "e1" || line["event_fault"] != "denied" || !strings.Contains(line["error"].(string), "because") ||
			line["topic"] != "order.placed" || line["attempt"] != "2" {
			t.Errorf("%s: line %v", name, line)
		}
		if lines := b.log.lines(t, "event"); len(lines) != 0 {
			t.Errorf("%s: a single event has a line of its own", name)
		}
	}
}

func TestEveryOneOfSeveralEventsIsToldInItsOwnTrace(t *testing.T) {
	t.Parallel()
	inStep := map[string]string{}
	b := newBench(t, nil, Event(signed{}, On("order.placed", func(ctx context.Context, batch []event.Event) ([]Failed, error) {
		for _, e := range batch {
			inStep[e.ID] = telemetry.TraceParent(EventContext(ctx, e))
		}
		if got := telemetry.TraceID(ctx); got != "4bf92f3577b34da6a3ce929d0e0e4736" {
			t.Errorf("the call is in trace %s", got)
		}
		stranger := newEvent(t, "order.placed", "e9", traceA)
		if got := telemetry.TraceParent(EventContext(ctx, stranger)); got != traceA {
			t.Errorf("a stranger's context is in %s", got)
		}
		return []Failed{FailedFrom("e2", errors.New("broken"))}, nil
	})))
	b.ask(t, "POST", "/", encodeBatch(t, newEvent(t, "order.placed", "e1", traceA), newEvent(t, "order.placed", "e2", traceB)),
		append([]string{"traceparent: " + traceparent}, asTrigger...)...).want(t, 200, "", "")
	lines := b.log.lines(t, "event")
	if len(lines) != 2 {
		t.Fatalf("%d lines", len(lines))
	}
	for i, want := range []struct{ id, trace, outcome string }{{"e1", traceA[3:35], "ok"}, {"e2", traceB[3:35], "internal"}} {
		if lines[i]["event_id"] != want.id || lines[i]["trace_id"] != want.trace || lines[i]["outcome"] != want.outcome ||
			!strings.Contains(inStep[want.id], want.trace) || !strings.Contains(inStep[want.id], lines[i]["span_id"].(string)) {
			t.Errorf("line %v, step in %s", lines[i], inStep[want.id])
		}
	}
	if lines[1]["error"] != "broken" {
		t.Errorf("the cause is not told: %v", lines[1])
	}
}

func TestEventContextOutsideACall(t *testing.T) {
	t.Parallel()
	if got := telemetry.TraceParent(EventContext(context.Background(), newEvent(t, "x", "e", traceA))); got != traceA {
		t.Errorf("got %s", got)
	}
}
