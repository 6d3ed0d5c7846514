package fn

import (
	"context"
	"net/http"

	handler "github.com/openfaas/templates-sdk/go-http"
)

// Step makes f the handler of a route: the body is decoded strictly into an In,
// the reply is encoded as JSON, and an error is answered as problem+json with
// the kind, code and detail of its fault. In is None for a step without a body.
//
// f must heed ctx: it ends with the call's deadline or when the caller leaves.
func Step[In any](f func(ctx context.Context, c Call, in In) (Reply, error)) handler.FunctionHandler {
	return step[In](f)
}

type step[In any] func(ctx context.Context, c Call, in In) (Reply, error)

// Handle runs the step. It finds the Call in the request's context, where a
// door left it; without a door the Call is empty.
func (f step[In]) Handle(req handler.Request) (handler.Response, error) {
	ctx := req.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	var c Call
	if x := exchangeOf(ctx); x != nil {
		c = x.call
	}
	var in In
	if _, none := any(in).(None); !none || len(req.Body) > 0 {
		if err := Decode(req.Body, &in); err != nil {
			return handler.Response{}, err
		}
	}
	reply, err := f(ctx, c, in)
	if err != nil {
		return handler.Response{}, err
	}
	return reply.response()
}

// response encodes r. A body without a type is JSON.
func (r Reply) response() (handler.Response, error) {
	out := handler.Response{Body: r.Raw, StatusCode: r.Status}
	if r.Raw == nil && r.Body != nil {
		body, err := encode(r.Body)
		if err != nil {
			return handler.Response{}, err
		}
		out.Body = body
	}
	if out.StatusCode == 0 {
		out.StatusCode = http.StatusOK
		if out.Body == nil {
			out.StatusCode = http.StatusNoContent
		}
	}
	if r.ContentType != "" || len(r.Header) > 0 {
		out.Header = make(http.Header, len(r.Header)+1)
		for name, value := range r.Header {
			out.Header.Set(name, value)
		}
		if r.ContentType != "" {
			out.Header.Set("Content-Type", r.ContentType)
		}
	}
	return out, nil
}
