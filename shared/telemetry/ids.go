package telemetry

import (
	"context"
	"encoding/binary"
	"math/rand/v2"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"
)

// idProvider makes spans that have ids and hold nothing: what remains of
// tracing when nobody collects. It is a tenth of the cost of a recorded span.
type idProvider struct{ embedded.TracerProvider }

func (idProvider) Tracer(string, ...trace.TracerOption) trace.Tracer { return idTracer{} }

type idTracer struct{ embedded.Tracer }

// Start goes on with the trace of ctx, with the caller's word on sampling, or
// begins a new one that is marked as sampled.
func (idTracer) Start(ctx context.Context, _ string, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	parent := trace.SpanContextFromContext(ctx)
	if len(opts) > 0 {
		if config := trace.NewSpanStartConfig(opts...); config.NewRoot() {
			parent = trace.SpanContext{}
		}
	}
	return child(ctx, parent)
}

func child(ctx context.Context, parent trace.SpanContext) (context.Context, trace.Span) {
	next := trace.SpanContextConfig{TraceID: parent.TraceID(), TraceFlags: parent.TraceFlags(), TraceState: parent.TraceState()}
	for !next.TraceID.IsValid() {
		binary.NativeEndian.PutUint64(next.TraceID[:8], rand.Uint64())
		binary.NativeEndian.PutUint64(next.TraceID[8:], rand.Uint64())
		next.TraceFlags = trace.FlagsSampled
	}
	for !next.SpanID.IsValid() {
		binary.NativeEndian.PutUint64(next.SpanID[:], rand.Uint64())
	}
	ctx = trace.ContextWithSpanContext(ctx, trace.NewSpanContext(next))
	return ctx, trace.SpanFromContext(ctx)
}
