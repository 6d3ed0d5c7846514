package trigger

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"bazaar/shared/auth"
	"bazaar/shared/event"
	"bazaar/shared/telemetry"
)

// Connector is what a call says of where it comes from.
const Connector = "bazaar-trigger"

// execMargin is what the gateway and the network may take beyond the
// function's own exec_timeout before we stop waiting.
const execMargin = 5 * time.Second

// caller makes the calls.
type caller struct {
	client  *http.Client
	gateway string // base URL without a slash at its end
	signer  *auth.EventSigner
	tracer  trace.Tracer
	timeout time.Duration // for a function that does not say its own
}

func newClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns = 0 // all calls go to one host
	transport.MaxIdleConnsPerHost = 512
	transport.Proxy = nil
	return &http.Client{
		Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // a redirect is no answer of a function
		},
	}
}

// call sends the batch to the function of b and waits for its answer. The span
// of a call with one event belongs to that event's trace, so that its trace
// shows every attempt; the span of a call with several is a trace of its own,
// linked to theirs.
func (c *caller) call(ctx context.Context, b *Binding, events batch) Answer {
	ctx, span := c.span(ctx, b.Function, events)
	defer span.End()
	timeout := c.timeout
	if b.ExecTimeout > 0 {
		timeout = b.ExecTimeout + execMargin
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	body := events.body()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.gateway+"/function/"+b.Function, bytes.NewReader(body))
	if err != nil {
		return Answer{Err: fmt.Errorf("making the call of %s: %w", b.Function, err)}
	}
	h := req.Header
	h.Set("Content-Type", event.ContentType)
	h.Set("X-Topic", events[0].from.topic)
	h.Set("X-Connector", Connector)
	h.Set("X-Attempt", strconv.Itoa(events.attempt()))
	h.Set(auth.SignatureHeader, c.signer.Sign(b.Function, time.Now(), body))
	h.Set("traceparent", telemetry.TraceParent(ctx))
	res, err := c.client.Do(req)
	if err != nil {
		return Answer{Err: fmt.Errorf("calling %s: %w", b.Function, err)}
	}
	defer res.Body.Close() //nolint:errcheck // read to its end or given up
	a := readAnswer(res, time.Now())
	span.SetAttributes(attribute.Int("http.response.status_code", a.Status))
	return a
}

func (c *caller) span(ctx context.Context, function string, events batch) (context.Context, trace.Span) {
	opts := []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(
			attribute.String("faas.invoked_name", function),
			attribute.String("messaging.destination.name", events[0].from.topic),
			attribute.Int("messaging.batch.message_count", len(events)),
		),
	}
	if len(events) == 1 {
		ctx = telemetry.WithTraceParent(ctx, events[0].traceparent)
		return c.tracer.Start(ctx, "call "+function, opts...)
	}
	for _, it := range events {
		if parent, ok := telemetry.ParseTraceParent(it.traceparent); ok {
			opts = append(opts, trace.WithLinks(trace.Link{SpanContext: parent}))
		}
	}
	return c.tracer.Start(ctx, "call "+function, append(opts, trace.WithNewRoot())...)
}
