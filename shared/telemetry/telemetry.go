// Package telemetry is what a process tells about itself: traces
// (OpenTelemetry), metrics (Prometheus) and logs (slog, JSON, with the trace's
// ids in every line). It sets no global of any of the three: what it makes is
// handed to whoever needs it. It decides no metric and no span name.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel/trace"
)

// Settings say where traces go and how much is logged.
type Settings struct {
	// Endpoint is the base URL of an OTLP/HTTP collector, e.g. http://otel:4318.
	// Empty: spans have their ids, and nothing is exported.
	Endpoint string `env:"otel_exporter_otlp_endpoint"`
	// LogLevel is DEBUG, INFO, WARN or ERROR.
	LogLevel slog.Level `env:"log_level" envDefault:"INFO"`
}

// Telemetry is the three of them for one process. Its fields are safe for use
// by many goroutines and are not to be changed.
type Telemetry struct {
	Traces  trace.TracerProvider
	Tracer  trace.Tracer // of Traces, named bazaar
	Log     *slog.Logger
	Metrics *prometheus.Registry // holds the Go and process collectors

	shutdown func(context.Context) error
	flush    func() error // of the log
}

// Start makes the telemetry of service and writes its log to out, one JSON
// object a line. It never dials: a collector that is away costs spans and a
// warning in the log, never a call. Every trace is recorded unless the caller's
// traceparent says that it is not.
func Start(ctx context.Context, service string, s Settings, out io.Writer) (*Telemetry, error) {
	lines := newLines(out, s.LogLevel)
	log := slog.New(lines).With("service", service)
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	t := &Telemetry{Traces: idProvider{}, Log: log, Metrics: metrics, flush: lines.out.flush, shutdown: func(context.Context) error { return nil }}
	if s.Endpoint != "" {
		provider, shutdown, err := exporting(ctx, service, s.Endpoint, log)
		if err != nil {
			return nil, fmt.Errorf("starting traces to %s: %w", s.Endpoint, err)
		}
		t.Traces, t.shutdown = provider, shutdown
	}
	t.Tracer = t.Traces.Tracer("bazaar")
	return t, nil
}

// StartBelow starts a span below a W3C traceparent; below the span of ctx where
// that is empty or not well formed.
func (t *Telemetry) StartBelow(ctx context.Context, traceparent, name string, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	if _, idsOnly := t.Traces.(idProvider); idsOnly {
		if parent, ok := ParseTraceParent(traceparent); ok {
			return child(ctx, parent)
		}
	}
	return t.Tracer.Start(WithTraceParent(ctx, traceparent), name, opts...)
}

// Flush writes the lines of the log that wait for others.
func (t *Telemetry) Flush() error {
	if err := t.flush(); err != nil {
		return fmt.Errorf("writing the log: %w", err)
	}
	return nil
}

// Shutdown exports the spans that are still held, for as long as ctx allows, and
// writes the lines of the log that are.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	err := t.shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("stopping traces: %w", err)
	}
	return errors.Join(err, t.Flush())
}
