package fn

import (
	"errors"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"bazaar/shared/fault"
	"bazaar/shared/telemetry"
)

// maxLogged bounds what a caller may write into the log with a path or method.
const maxLogged = 256

// tell is all that is told about a call: it ends the span, observes the
// histogram, and writes one log line.
func (x *exchange) tell(status int, f *fault.Error) {
	took := time.Since(x.start)
	x.s.metrics.observe(x.rt, x.r.Method, status, took)
	if x.span.IsRecording() {
		x.describe(status, f)
	}
	x.span.End()

	level := levelOf(f)
	log := x.s.run.Log
	if !log.Enabled(x.ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 16)
	attrs = append(attrs, slog.String("method", short(x.r.Method)), slog.String("path", short(x.r.URL.Path)), slog.Int("status", status),
		slog.String("call_id", x.id), slog.Float64("duration_ms", milliseconds(took)))
	if user := x.call.Caller.Subject; user != "" {
		attrs = append(attrs, slog.String("user", user))
	}
	if x.batch != nil {
		attrs = append(attrs, x.batch.attrs(x.r.Header)...)
	}
	if f != nil {
		attrs = append(attrs, slog.String("fault", string(f.Kind)), slog.String("code", f.Code))
		if status >= 500 {
			attrs = append(attrs, slog.String("error", f.Error()))
		}
		if p := (*panicked)(nil); errors.As(f, &p) {
			attrs = append(attrs, slog.String("stack", string(p.stack)))
		}
	}
	telemetry.Line(x.ctx, log, x.start.Add(took), level, "call", attrs)
}

func short(text string) string { return text[:min(len(text), maxLogged)] }

// describe sets what a collector wants to know (OpenTelemetry's HTTP names).
func (x *exchange) describe(status int, f *fault.Error) {
	x.span.SetAttributes(
		attribute.String("http.request.method", x.r.Method), attribute.String("http.route", x.rt.pattern),
		attribute.Int("http.response.status_code", status), attribute.String("faas.name", x.s.run.Name),
		attribute.String("faas.invocation_id", x.id),
	)
	if f == nil {
		return
	}
	x.span.SetAttributes(attribute.String("error.type", f.Code))
	if status >= 500 {
		x.span.SetStatus(codes.Error, f.Code)
	}
}

// levelOf: our own mistakes are errors, what passes by itself is a warning, and
// a caller's mistake is business as usual.
func levelOf(f *fault.Error) slog.Level {
	switch {
	case f == nil:
		return slog.LevelInfo
	case f.Kind == fault.Internal:
		return slog.LevelError
	case f.Kind == fault.Unavailable || f.Kind == fault.Timeout:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

func (s *server) spanOptions(x *exchange) []trace.SpanStartOption {
	if !s.recording {
		return nil
	}
	return []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(x.start)}
}
