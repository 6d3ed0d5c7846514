package fn

import (
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	wire "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"bazaar/shared/event"
	"bazaar/shared/fault"
)

// collector takes spans as an OTLP/HTTP collector does.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	spans map[string]*wire.Span // by name
}

func newCollector(t *testing.T) *collector {
	c := &collector{spans: map[string]*wire.Span{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		// The request's one field has the form of TracesData.
		var data wire.TracesData
		if err := proto.Unmarshal(body, &data); err != nil {
			t.Error(err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, resource := range data.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				for _, span := range scope.GetSpans() {
					c.spans[span.GetName()] = span
				}
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(c.Close)
	return c
}

// of gives the attributes of a span as text.
func of(span *wire.Span) map[string]string {
	attrs := map[string]string{}
	for _, a := range span.GetAttributes() {
		attrs[a.GetKey()] = a.GetValue().GetStringValue()
	}
	return attrs
}

func TestACallIsOneSpan(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	b := newBench(t, func(s *Settings) { s.Telemetry.Endpoint = c.URL },
		Public("GET /{sku}", Step(nothing)), Public("PUT /{sku}", Step(failing(fault.New(fault.Unavailable, "unavailable", "Later.")))))
	b.ask(t, "GET", "/s1", "", "traceparent: "+traceparent, "X-Call-Id: c-17").want(t, 204, "", "")
	b.ask(t, "PUT", "/s1", "").want(t, 503, fault.Unavailable, "")
	if err := b.run.Telemetry.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	good, bad := c.spans["GET /{sku}"], c.spans["PUT /{sku}"]
	if len(c.spans) != 2 || hex.EncodeToString(good.GetTraceId()) != traceparent[3:35] || hex.EncodeToString(good.GetParentSpanId()) != traceparent[36:52] {
		t.Fatalf("spans %v", c.spans)
	}
	attrs := of(good)
	if good.GetKind() != wire.Span_SPAN_KIND_SERVER || attrs["http.route"] != "GET /{sku}" || attrs["faas.name"] != "probe" ||
		attrs["faas.invocation_id"] != "c-17" || good.GetStatus().GetCode() != wire.Status_STATUS_CODE_UNSET {
		t.Errorf("span %v", good)
	}
	if bad.GetStatus().GetCode() != wire.Status_STATUS_CODE_ERROR || of(bad)["error.type"] != "unavailable" {
		t.Errorf("span %v", bad)
	}
}

func TestEventsHaveSpansThatLeadToTheirCall(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	b := newBench(t, func(s *Settings) { s.Telemetry.Endpoint = c.URL }, Event(signed{}, On("order.placed", done),
		On("order.paid", func(context.Context, []event.Event) ([]Failed, error) {
			return []Failed{FailedFrom("e2", fault.New(fault.Invalid, "no", "No."))}, nil
		})))
	b.ask(t, "POST", "/", encodeBatch(t, newEvent(t, "order.placed", "e1", traceA), newEvent(t, "order.paid", "e2", traceB)), asTrigger...).want(t, 200, "", "")
	if err := b.run.Telemetry.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	call, one, two := c.spans["POST /{$}"], c.spans["order.placed"], c.spans["order.paid"]
	for span, parent := range map[*wire.Span]string{one: traceA, two: traceB} {
		if hex.EncodeToString(span.GetTraceId()) != parent[3:35] || hex.EncodeToString(span.GetParentSpanId()) != parent[36:52] ||
			len(span.GetLinks()) != 1 || string(span.GetLinks()[0].GetSpanId()) != string(call.GetSpanId()) {
			t.Errorf("span %v", span)
		}
	}
	if of(one)["cloudevents.event_id"] != "e1" || one.GetStatus().GetCode() != wire.Status_STATUS_CODE_UNSET ||
		two.GetStatus().GetCode() != wire.Status_STATUS_CODE_ERROR {
		t.Errorf("spans %v, %v", one, two)
	}
}

func TestTheTriggersSpanLiesBetweenAnEventAndItsCall(t *testing.T) {
	t.Parallel()
	between := traceA[:36] + "cccccccccccccccc-01"
	for header, parent := range map[string]string{between: between, traceparent: traceA, "": traceA} {
		c := newCollector(t)
		b := newBench(t, func(s *Settings) { s.Telemetry.Endpoint = c.URL }, Event(signed{}, On("order.placed", done)))
		b.ask(t, "POST", "/", encodeBatch(t, newEvent(t, "order.placed", "e1", traceA)), append([]string{"traceparent: " + header}, asTrigger...)...).
			want(t, 200, "", "")
		if err := b.run.Telemetry.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		call := c.spans["POST /{$}"]
		if hex.EncodeToString(call.GetTraceId()) != traceA[3:35] || hex.EncodeToString(call.GetParentSpanId()) != parent[36:52] {
			t.Errorf("called below %q, the span is %v", header, call)
		}
	}
}
