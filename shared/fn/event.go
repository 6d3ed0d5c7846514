package fn

import (
	"context"
	"errors"
	"log/slog"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"
	"go.opentelemetry.io/otel/trace"

	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/telemetry"
)

const (
	eventDoor    = "event"
	maxBatchBody = 2 << 20 // the trigger's batches are 512 KiB, a NATS message 1 MiB at most

	// SignatureHeader carries the trigger's signature over time, function and body.
	SignatureHeader = "X-Bazaar-Signature"
)

// EventVerifier checks that a body comes from the trigger and is meant for function.
type EventVerifier interface {
	Verify(function, header string, body []byte, now time.Time) error
}

// Topic is one event type and the step that takes it.
type Topic struct {
	eventType string
	step      func(ctx context.Context, batch []event.Event) ([]Failed, error)
}

// On has f take the events of one type, all those of a call at once and in
// order. The events that f returns failed; an error is about the whole call,
// which then answers with its fault. An event may come again after it was done.
func On(eventType string, f func(ctx context.Context, batch []event.Event) ([]Failed, error)) Topic {
	return Topic{eventType, f}
}

// Failed is the verdict on an event that was not done.
type Failed struct {
	ID     string     `json:"id"`
	Kind   fault.Kind `json:"kind"`
	Detail string     `json:"detail"` // for the dead letter: the code and the sentence
	cause  error
}

// FailedFrom is the verdict that err passes on the event with this id.
func FailedFrom(id string, err error) Failed {
	f := fault.Of(err)
	return Failed{ID: id, Kind: f.Kind, Detail: f.Code + ": " + f.Detail, cause: err}
}

// reason is why, for the log.
func (f *Failed) reason() slog.Attr {
	if f.cause != nil {
		return slog.String("error", f.cause.Error())
	}
	return slog.String("error", f.Detail)
}

// Event is the door for the trigger: POST / with a batch of CloudEvents, signed
// for this function. Unknown fields are ignored. An event of a type that is not
// in on fails as invalid.
func Event(v EventVerifier, on ...Topic) Route {
	r := newRoute(eventDoor, "POST /", []Option{MaxBody(maxBatchBody)})
	r.run = func(x *exchange) (handler.Response, error) {
		batch, err := x.receive(v)
		if err != nil {
			return handler.Response{}, err
		}
		x.batch = batch
		x.begin(batch.parent(x.r.Header.Get("Traceparent")))
		batch.begin(x)
		failed, err := batch.run(x.ctx, on)
		batch.tell(x, failed, err)
		if err != nil {
			return handler.Response{}, err
		}
		return Reply{Body: verdict{failed}}.response()
	}
	if v == nil {
		r.check = errors.New("the Event door needs a verifier")
	}
	return r
}

type verdict struct {
	Failed []Failed `json:"failed"`
}

// receive reads the batch and checks that the trigger sent it.
func (x *exchange) receive(v EventVerifier) (*batch, error) {
	body, err := x.readBody()
	if err != nil {
		return nil, err
	}
	if err := v.Verify(x.s.run.Name, x.r.Header.Get(SignatureHeader), body, time.Now()); err != nil {
		return nil, err
	}
	events, err := event.DecodeBatch(body)
	if err != nil {
		return nil, invalidBody("", "The body is no batch of CloudEvents.").Because(err)
	}
	return &batch{events: events}, nil
}

// EventContext is ctx with the span of e, one of the events of ctx's call: what
// e's step does and emits belongs to e's trace. For an event that came alone it
// is the call's own span; for any other, one below the event's traceparent.
func EventContext(ctx context.Context, e event.Event) context.Context {
	x := exchangeOf(ctx)
	if x == nil || x.batch == nil {
		return telemetry.WithTraceParent(ctx, e.TraceParent)
	}
	if len(x.batch.spans) == 0 {
		return ctx
	}
	for i := range x.batch.events {
		if x.batch.events[i].ID == e.ID && x.batch.events[i].Type == e.Type {
			return trace.ContextWithSpanContext(ctx, trace.SpanContextFromContext(x.batch.spans[i]))
		}
	}
	return telemetry.WithTraceParent(ctx, e.TraceParent)
}
