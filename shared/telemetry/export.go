package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// exporting makes a provider whose spans go to endpoint in batches, over
// OTLP/HTTP. What does not fit its queue is dropped: a call never waits for it.
func exporting(ctx context.Context, service, endpoint string, log *slog.Logger) (*sdk.TracerProvider, error) {
	base, err := url.Parse(endpoint)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("otel_exporter_otlp_endpoint must be an http or https URL, not %q", endpoint)
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(base.JoinPath("v1", "traces").String()))
	if err != nil {
		return nil, fmt.Errorf("making the exporter: %w", err)
	}
	return sdk.NewTracerProvider(
		sdk.WithBatcher(logged{exporter, log}),
		sdk.WithSampler(sdk.ParentBased(sdk.AlwaysSample())),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", service))),
	), nil
}

// logged says in the log that spans were lost. The SDK would tell its global
// error handler, which writes plain text.
type logged struct {
	sdk.SpanExporter
	log *slog.Logger
}

func (l logged) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if err := l.SpanExporter.ExportSpans(ctx, spans); err != nil {
		l.log.WarnContext(ctx, "spans lost", "count", len(spans), "error", err.Error())
	}
	return nil
}
