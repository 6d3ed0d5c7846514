package fn

import (
	"context"
	"log/slog"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/telemetry"
)

// batch is what one call of the Event door carries.
type batch struct {
	events []event.Event
	spans  []context.Context // one for each event, in its own trace; none for a single event
	failed []Failed
}

// parent is the traceparent that the call's span goes below: the event's where
// there is only one, else the caller's.
func (b *batch) parent(header string) string {
	if len(b.events) != 1 || b.events[0].TraceParent == "" {
		return header
	}
	own, ok := telemetry.ParseTraceParent(b.events[0].TraceParent)
	if !ok {
		return header
	}
	// The trigger's own span may lie between the event and the call.
	if caller, ok := telemetry.ParseTraceParent(header); ok && caller.TraceID() == own.TraceID() {
		return header
	}
	return b.events[0].TraceParent
}

// begin starts a span for each of several events, in the event's own trace and
// linked to the call.
func (b *batch) begin(x *exchange) {
	if len(b.events) < 2 {
		return
	}
	call := trace.SpanContextFromContext(x.ctx)
	b.spans = make([]context.Context, len(b.events))
	for i, e := range b.events {
		ctx := trace.ContextWithSpanContext(x.ctx, trace.SpanContext{})
		ctx = telemetry.WithTraceParent(ctx, e.TraceParent)
		b.spans[i], _ = x.s.run.Telemetry.Tracer.Start(ctx, e.Type, trace.WithSpanKind(trace.SpanKindConsumer),
			trace.WithLinks(trace.Link{SpanContext: call}))
	}
}

// run gives each topic its events. The first topic that fails as a whole ends it.
func (b *batch) run(ctx context.Context, on []Topic) (failed []Failed, err error) {
	defer recovered(&err)
	taken := 0
	for _, topic := range on {
		var mine []event.Event
		for _, e := range b.events {
			if e.Type == topic.eventType {
				mine = append(mine, e)
			}
		}
		if len(mine) == 0 {
			continue
		}
		taken += len(mine)
		some, err := topic.step(ctx, mine)
		if err != nil {
			return nil, err
		}
		failed = append(failed, some...)
	}
	if taken < len(b.events) {
		failed = append(failed, b.strangers(on)...)
	}
	return failed, nil
}

// strangers are the events whose type no topic takes.
func (b *batch) strangers(on []Topic) (failed []Failed) {
	known := make(map[string]bool, len(on))
	for _, topic := range on {
		known[topic.eventType] = true
	}
	for _, e := range b.events {
		if !known[e.Type] {
			failed = append(failed, FailedFrom(e.ID, fault.New(fault.Invalid, "unknown_event", "No step takes %q.", e.Type)))
		}
	}
	return failed
}

// tell counts every event, and ends the span and writes the line of each of
// several; a single event is told of by the call.
func (b *batch) tell(x *exchange, failed []Failed, err error) {
	b.failed = failed
	verdicts := make(map[string]*Failed, len(failed))
	for i := range failed {
		verdicts[failed[i].ID] = &failed[i]
	}
	whole := fault.KindOf(err)
	for i, e := range b.events {
		outcome := "ok"
		verdict := verdicts[e.ID]
		switch {
		case whole != "":
			outcome = string(whole)
		case verdict != nil:
			outcome = string(verdict.Kind)
		}
		x.s.metrics.events.WithLabelValues(e.Type, outcome).Inc()
		if len(b.spans) == 0 {
			continue
		}
		b.endSpan(i, outcome)
		attrs := []slog.Attr{
			slog.String("type", e.Type), slog.String("event_id", e.ID), slog.String("subject", e.Subject),
			slog.String("outcome", outcome), slog.String("call_id", x.id),
		}
		if verdict != nil {
			attrs = append(attrs, verdict.reason())
		}
		x.s.run.Log.LogAttrs(b.spans[i], slog.LevelInfo, "event", attrs...)
	}
}

func (b *batch) endSpan(i int, outcome string) {
	span := trace.SpanFromContext(b.spans[i])
	if span.IsRecording() {
		e := b.events[i]
		span.SetAttributes(attribute.String("cloudevents.event_type", e.Type), attribute.String("cloudevents.event_id", e.ID),
			attribute.String("cloudevents.event_subject", e.Subject))
		if outcome != "ok" {
			span.SetStatus(codes.Error, outcome)
		}
	}
	span.End()
}

// attrs is what the call's line says about its events.
func (b *batch) attrs(h http.Header) []slog.Attr {
	attrs := []slog.Attr{slog.Int("events", len(b.events)), slog.Int("failed", len(b.failed))}
	if topic, attempt := h.Get("X-Topic"), h.Get("X-Attempt"); topic != "" {
		attrs = append(attrs, slog.String("topic", topic), slog.String("attempt", attempt))
	}
	if len(b.events) == 1 {
		attrs = append(attrs, slog.String("event_id", b.events[0].ID), slog.String("subject", b.events[0].Subject))
		if len(b.failed) > 0 {
			attrs = append(attrs, slog.String("event_fault", string(b.failed[0].Kind)), b.failed[0].reason())
		}
	}
	return attrs
}
