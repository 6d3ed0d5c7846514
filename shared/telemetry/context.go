package telemetry

import (
	"context"
	"encoding/hex"

	"go.opentelemetry.io/otel/trace"
)

// TraceParent is the W3C traceparent of ctx's span, empty when it has none.
func TraceParent(ctx context.Context) string {
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsValid() {
		return ""
	}
	traceID, spanID := sc.TraceID(), sc.SpanID()
	var text [55]byte
	copy(text[:], "00-")
	hex.Encode(text[3:], traceID[:])
	text[35] = '-'
	hex.Encode(text[36:], spanID[:])
	text[52] = '-'
	hex.Encode(text[53:], []byte{byte(sc.TraceFlags() & trace.FlagsSampled)})
	return string(text[:])
}

// TraceID is the id of ctx's trace in hex, empty when it has none.
func TraceID(ctx context.Context) string {
	sc := trace.SpanContextFromContext(ctx)
	if !sc.HasTraceID() {
		return ""
	}
	return sc.TraceID().String()
}

// WithTraceParent returns a context whose spans belong to the trace that a W3C
// traceparent names. A traceparent that is not well formed is ignored, as the
// standard asks; tracestate is not carried.
func WithTraceParent(ctx context.Context, traceparent string) context.Context {
	sc, ok := ParseTraceParent(traceparent)
	if !ok {
		return ctx
	}
	return trace.ContextWithRemoteSpanContext(ctx, sc)
}

// ParseTraceParent reads a W3C traceparent and reports whether it is well formed.
func ParseTraceParent(text string) (trace.SpanContext, bool) {
	// Versions after 00 may append fields, never change the first four.
	if len(text) < 55 || len(text) > 55 && (text[:2] == "00" || text[55] != '-') {
		return trace.SpanContext{}, false
	}
	if text[2] != '-' || text[35] != '-' || text[52] != '-' || text[:2] == "ff" {
		return trace.SpanContext{}, false
	}
	var version, flags [1]byte
	var config trace.SpanContextConfig
	for _, part := range []struct {
		into []byte
		from string
	}{{version[:], text[:2]}, {config.TraceID[:], text[3:35]}, {config.SpanID[:], text[36:52]}, {flags[:], text[53:55]}} {
		if !lowerHex(part.into, part.from) {
			return trace.SpanContext{}, false
		}
	}
	config.TraceFlags = trace.TraceFlags(flags[0]) & trace.FlagsSampled
	config.Remote = true
	sc := trace.NewSpanContext(config)
	return sc, sc.IsValid()
}

// lowerHex decodes from into into; the standard allows lower case only.
func lowerHex(into []byte, from string) bool {
	for i := range into {
		high, low := nibble(from[2*i]), nibble(from[2*i+1])
		if high > 15 || low > 15 {
			return false
		}
		into[i] = high<<4 | low
	}
	return true
}

func nibble(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 16
}
