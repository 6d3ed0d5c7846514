package telemetry_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"bazaar/shared/telemetry"
)

func TestTraceParentGoesAround(t *testing.T) {
	t.Parallel()
	ctx := telemetry.WithTraceParent(context.Background(), parent)
	if got := telemetry.TraceParent(ctx); got != parent {
		t.Errorf("got %s", got)
	}
	if got := telemetry.TraceID(ctx); got != "4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Errorf("trace id %s", got)
	}
	if !trace.SpanContextFromContext(ctx).IsRemote() {
		t.Error("the parent is not marked as remote")
	}
	if telemetry.TraceParent(context.Background()) != "" || telemetry.TraceID(context.Background()) != "" {
		t.Error("a context without a span has a trace")
	}
}

var traceparents = []string{
	parent, parent[:53] + "00", "", "00", parent[:54], parent + "-more", parent + "x",
	"cc" + parent[2:], "cc" + parent[2:] + "-what-comes-later", "cc" + parent[2:] + ".what", "ff" + parent[2:],
	strings.ToUpper(parent), "00-" + strings.Repeat("0", 32) + parent[35:], parent[:36] + strings.Repeat("0", 16) + "-01",
	strings.ReplaceAll(parent, "-", "_"), parent[:53] + "zz", "0g" + parent[2:],
}

// agree holds our parser against OpenTelemetry's own.
func agree(t *testing.T, text string) {
	t.Helper()
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": text})
	want := trace.SpanContextFromContext(ctx)
	got, ok := telemetry.ParseTraceParent(text)
	if ok != want.IsValid() {
		t.Errorf("%q: accepted %t, OpenTelemetry says %t", text, ok, want.IsValid())
	}
	if ok && (got.TraceID() != want.TraceID() || got.SpanID() != want.SpanID() || got.IsSampled() != want.IsSampled()) {
		t.Errorf("%q: got %v, want %v", text, got, want)
	}
}

func TestTraceParentIsReadAsTheStandardSays(t *testing.T) {
	t.Parallel()
	for _, text := range traceparents {
		agree(t, text)
	}
	// Unknown flags are ignored; OpenTelemetry for Go is stricter than the standard here.
	if got, ok := telemetry.ParseTraceParent(parent[:53] + "ff"); !ok || got.TraceFlags() != trace.FlagsSampled {
		t.Errorf("unknown flags: accepted %t, flags %v", ok, got.TraceFlags())
	}
}

// FuzzParseTraceParent: what OpenTelemetry accepts of the standard's length we
// accept too, and what we accept goes around.
func FuzzParseTraceParent(f *testing.F) {
	for _, text := range traceparents {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		sc, ok := telemetry.ParseTraceParent(text)
		if !ok {
			theirs := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": text})
			// It is laxer than the standard about what is missing or goes on.
			if standard := len(text) == 55 || len(text) > 55 && text[:2] != "00"; standard && trace.SpanContextFromContext(theirs).IsValid() {
				t.Errorf("%q is accepted by OpenTelemetry", text)
			}
			return
		}
		theirs := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": text}))
		if theirs.IsValid() && (theirs.TraceID() != sc.TraceID() || theirs.SpanID() != sc.SpanID() || theirs.IsSampled() != sc.IsSampled()) {
			t.Errorf("%q is %+v, to OpenTelemetry %+v", text, sc, theirs)
		}
		if len(text) < 55 || !sc.IsValid() || !sc.IsRemote() || sc.TraceFlags()&^trace.FlagsSampled != 0 {
			t.Errorf("%q is %+v", text, sc)
		}
		own := telemetry.TraceParent(trace.ContextWithSpanContext(context.Background(), sc))
		if again, ok := telemetry.ParseTraceParent(own); !ok || !again.Equal(sc) || len(own) != 55 {
			t.Errorf("%q is written as %q, which is %+v", text, own, again)
		}
	})
}

// FuzzEndpoint: a collector's address is refused by its setting's name, or can be
// exported to; nothing is dialled before there is a span.
func FuzzEndpoint(f *testing.F) {
	for _, endpoint := range []string{"http://otel:4318", "https://otel/base/", "otel:4318", "://", "ftp://otel", "http://", "http://otel/%zz", "http://otel?a=b#c", "http://u:p@otel", "http://otel/../x"} {
		f.Add(endpoint)
	}
	f.Fuzz(func(t *testing.T, endpoint string) {
		tel, err := telemetry.Start(context.Background(), "x", telemetry.Settings{Endpoint: endpoint}, io.Discard)
		if err != nil {
			if !strings.Contains(err.Error(), "otel_exporter_otlp_endpoint") {
				t.Errorf("%q: %v", endpoint, err)
			}
			return
		}
		if err := tel.Shutdown(context.Background()); err != nil {
			t.Errorf("%q: %v", endpoint, err)
		}
	})
}
