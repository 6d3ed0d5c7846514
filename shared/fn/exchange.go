package fn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	handler "github.com/openfaas/templates-sdk/go-http"
	"go.opentelemetry.io/otel/trace"

	"bazaar/shared/fault"
)

const (
	// cutGrace is what a step has beyond its deadline to come back with its own
	// answer, before the call is answered without it.
	cutGrace = 500 * time.Millisecond
	// lastWrite is how long an answer to a caller whose time is up may take.
	lastWrite = time.Second
	// drainTime and drainBytes bound what is read of a body that was refused.
	drainTime  = time.Second
	drainBytes = 16 << 20
)

// exchange is one call on its way through a door: the request, what was found
// out about it, and the answer.
type exchange struct {
	s     *server
	rt    *Route
	w     http.ResponseWriter
	r     *http.Request
	start time.Time
	id    string          // X-Call-Id
	ctx   context.Context // the deadline, and from begin on the span
	span  trace.Span      // nil until begin
	call  Call
	body  []byte
	batch *batch // at the Event door

	deadline deadline
	whole    bool // the body was read to its end
	broken   bool // the body cannot be read on
	mu       sync.Mutex
	answered bool

	// The watch's own: its list of calls, and when it answers for a step that does not.
	next, previous *exchange
	until          time.Time
	watched        bool
}

// callContext finds its exchange without a search through the contexts below.
type callContext struct {
	context.Context
	x *exchange
}

func (c callContext) Value(key any) any {
	if key == (exchangeKey{}) {
		return c.x
	}
	return c.Context.Value(key)
}

// serve runs the call to its end: every path leads through finish, once.
func (x *exchange) serve() {
	limit := callTimeout(x.r.Header, x.s.run.Settings.ExecTimeout)
	x.deadline = deadline{Context: x.r.Context(), at: x.start.Add(limit)}
	defer x.deadline.end()
	x.ctx = &x.deadline
	answer, err := x.guarded()
	x.s.watch.remove(x)
	hurried := limit < x.s.run.Settings.ExecTimeout
	if hurried && x.deadline.Err() != nil && fault.KindOf(err) == fault.Unavailable {
		// What the step blames on a store was the caller's own haste.
		err = fault.Of(context.DeadlineExceeded).Because(err)
	}
	x.finish(answer, err)
}

// arrived is where the request is whole and the step's turn comes: it is watched
// from here on. While a body is being read nothing could be written.
func (x *exchange) arrived() {
	x.s.watch.add(x, x.deadline.at.Add(cutGrace))
}

// guarded runs the route and turns a panic into an error with its stack.
func (x *exchange) guarded() (answer handler.Response, err error) {
	defer recovered(&err)
	return x.rt.run(x)
}

// recovered, deferred, makes a panic the error of its function.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = &panicked{value: p, stack: debug.Stack()}
	}
}

// panicked is a step's panic as an error.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprint("panic: ", p.value) }

// begin starts the call's span below the caller's traceparent.
func (x *exchange) begin(traceparent string) {
	ctx, span := x.s.run.Telemetry.StartBelow(x.ctx, traceparent, x.rt.pattern, x.s.spanOptions(x)...)
	x.span = span
	x.ctx = callContext{ctx, x}
}

// handle reads what a step is told and runs it.
func (x *exchange) handle(h handler.FunctionHandler) (handler.Response, error) {
	if err := x.read(); err != nil {
		return handler.Response{}, err
	}
	req := handler.Request{
		Body: x.body, Header: x.r.Header, QueryString: x.r.URL.RawQuery, Method: x.r.Method, Host: x.r.Host,
	}
	req.WithContext(x.ctx)
	return h.Handle(req)
}

// read fills the call from the request: path, query, headers, then the body.
func (x *exchange) read() (err error) {
	if err := x.readParams(); err != nil {
		return err
	}
	if x.call.Query, err = readQuery(x.r.URL.RawQuery); err != nil {
		return err
	}
	if x.rt.key {
		if x.call.Key, err = idempotencyKey(x.r.Header); err != nil {
			return err
		}
	}
	if x.call.Wait = preferWait(x.r.Header); x.call.Wait > 0 {
		x.call.Wait = max(0, min(x.call.Wait, time.Until(x.deadline.at)-waitMargin))
	}
	x.body, err = x.readBody()
	return err
}

func (x *exchange) readParams() error {
	if len(x.rt.params) == 0 {
		return nil
	}
	x.call.Params = make(map[string]string, len(x.rt.params))
	for _, name := range x.rt.params {
		value := x.r.PathValue(name)
		if !isID(value) {
			return notFound()
		}
		x.call.Params[name] = value
	}
	return nil
}

func notFound() *fault.Error {
	return fault.New(fault.NotFound, "not_found", "There is nothing here.")
}

// readQuery parses a query string, without what no store could compare.
func readQuery(raw string) (url.Values, error) {
	if raw == "" {
		return nil, nil
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, fault.New(fault.Invalid, "invalid_query", "The query string is not well formed.").Because(err)
	}
	for _, values := range query {
		for _, value := range values {
			if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
				return nil, fault.New(fault.Invalid, "invalid_query", "The query string is not plain UTF-8 text.")
			}
		}
	}
	return query, nil
}

// readBody reads the whole body, also a chunked one, up to the route's limit.
func (x *exchange) readBody() ([]byte, error) {
	limit := x.rt.maxBody
	if limit == 0 {
		limit = x.s.run.Settings.MaxBody
	}
	length := x.r.ContentLength
	switch {
	case length == 0:
		x.arrived()
		return nil, nil
	case length > limit:
		return nil, tooLarge(limit)
	}
	var body []byte
	var err error
	if length > 0 {
		body = make([]byte, length)
		_, err = io.ReadFull(x.r.Body, body)
	} else if body, err = io.ReadAll(io.LimitReader(x.r.Body, limit+1)); int64(len(body)) > limit {
		return nil, tooLarge(limit)
	}
	switch {
	case err == nil:
		x.whole = true
		x.arrived()
		return body, x.ctx.Err()
	}
	x.broken = true
	if errors.Is(err, os.ErrDeadlineExceeded) {
		slow := fault.New(fault.Timeout, "timeout", "The request took too long to arrive.").Because(err)
		slow.HTTPStatus = http.StatusRequestTimeout
		return nil, slow
	}
	return nil, invalidBody("", "The body could not be read.").Because(err)
}

func tooLarge(limit int64) error {
	return fault.New(fault.TooLarge, "too_large", "A body is at most %d bytes here.", limit)
}
