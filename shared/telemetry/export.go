package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// exportTimeout bounds one export, as OTLP's default does.
const exportTimeout = 10 * time.Second

// exporting makes a provider whose spans go to endpoint in batches, over
// OTLP/HTTP, and what shuts it down. What does not fit its queue is dropped: a
// call never waits for it.
func exporting(ctx context.Context, service, endpoint string, log *slog.Logger) (*sdk.TracerProvider, func(context.Context) error, error) {
	base, err := url.Parse(endpoint)
	if err != nil || base.Hostname() == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, nil, fmt.Errorf("otel_exporter_otlp_endpoint must be an http or https URL, not %q", endpoint)
	}
	// The exporter's own client would keep its connection when all is shut down.
	client := &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone(), Timeout: exportTimeout}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(base.JoinPath("v1", "traces").String()), otlptracehttp.WithHTTPClient(client))
	if err != nil {
		return nil, nil, fmt.Errorf("making the exporter: %w", err)
	}
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(logged{exporter, log}),
		sdk.WithSampler(sdk.ParentBased(sdk.AlwaysSample())),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", service))),
	)
	return provider, func(ctx context.Context) error {
		defer client.CloseIdleConnections()
		return provider.Shutdown(ctx)
	}, nil
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
