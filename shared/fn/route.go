package fn

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"
)

// Routes is everything that a function serves.
type Routes []Route

// Route is one way into a function: a pattern, who may call, and a step. It is
// made by Public, User, Raw and Event.
type Route struct {
	pattern string
	door    string // for metrics and errors
	params  []string
	roles   []string
	money   bool
	listAge time.Duration // 0: the door's
	key     bool
	maxBody int64 // 0: the settings'
	run     func(x *exchange) (handler.Response, error)
	check   error // why this route cannot be served
}

// Option changes a route.
type Option func(*Route)

// Roles lets in only callers who have any of the roles; others get 403
// `denied`. While the list of revoked sessions is older than 5 s the route
// answers 503. It makes sense at the User door only.
func Roles(anyOf ...string) Option {
	return func(r *Route) { r.roles = append(r.roles, anyOf...) }
}

// Money marks a route that moves money: it answers 503 while the list of
// revoked sessions is older than 5 s. It makes sense at the User door only.
func Money() Option { return func(r *Route) { r.money = true } }

// ListAge lets the route go on while the list of revoked sessions is up to d
// old, instead of 60 s: for what somebody who has just signed out may still do
// without harm, and others must be able to do while the list cannot be read. It
// is above 0, at most a day, and goes with neither Roles nor Money. A process
// that has never read the list refuses whatever d is. It makes sense at the User
// door only.
func ListAge(d time.Duration) Option {
	return func(r *Route) {
		r.listAge = d
		if d <= 0 || d > maxListAge {
			r.check = fmt.Errorf("ListAge(%s) is not between 0 and %s", d, maxListAge)
		}
	}
}

// NeedsKey requires an Idempotency-Key and hands it to the step as Call.Key.
func NeedsKey() Option { return func(r *Route) { r.key = true } }

// MaxBody sets the longest body in bytes, whatever max_body says.
func MaxBody(n int64) Option { return func(r *Route) { r.maxBody = n } }

// Public is the door for anyone. The pattern is that of net/http's ServeMux,
// without a host: "GET /{sku}", "POST /{$}". A path that ends in / means itself,
// not what is below it.
func Public(pattern string, h handler.FunctionHandler, opts ...Option) Route {
	r := newRoute("public", pattern, opts)
	r.run = func(x *exchange) (handler.Response, error) {
		x.begin(x.r.Header.Get("Traceparent"))
		return x.handle(h)
	}
	r.knowsNobody()
	return r
}

// Raw is the door for a partner who brings the proof in the raw body, for f to
// verify: a signature over it, or the tokens of those for whom it speaks
// (UserDoor.Owner). Nothing is checked here but the size.
func Raw(pattern string, f func(ctx context.Context, c RawCall) (Reply, error), opts ...Option) Route {
	r := newRoute("raw", pattern, opts)
	r.run = func(x *exchange) (handler.Response, error) {
		x.begin(x.r.Header.Get("Traceparent"))
		if err := x.read(); err != nil {
			return handler.Response{}, err
		}
		c := RawCall{Body: x.body, ContentType: x.r.Header.Get("Content-Type"), Query: x.call.Query, Params: x.call.Params}
		reply, err := f(x.ctx, c)
		if err != nil {
			return handler.Response{}, err
		}
		return reply.response()
	}
	r.knowsNobody()
	return r
}

// knowsNobody refuses the options that are about a person.
func (r *Route) knowsNobody() {
	if len(r.roles) > 0 || r.money || r.listAge != 0 {
		r.check = errors.New("Roles, Money and ListAge need the User door")
	}
}

func newRoute(door, pattern string, opts []Option) Route {
	if strings.HasSuffix(pattern, "/") {
		pattern += "{$}"
	}
	r := Route{door: door, pattern: pattern, params: wildcards(pattern)}
	for _, opt := range opts {
		opt(&r)
	}
	return r
}

// wildcards are the names in braces of a pattern.
func wildcards(pattern string) (names []string) {
	for {
		_, rest, found := strings.Cut(pattern, "{")
		if !found {
			return names
		}
		name, after, _ := strings.Cut(rest, "}")
		if name != "$" {
			names = append(names, name)
		}
		pattern = after
	}
}

// register adds the routes to mux, each served by call. Errors name the
// pattern that is wrong, or is there twice.
func (routes Routes) register(mux *http.ServeMux, call func(*Route) http.HandlerFunc) (err error) {
	var at string
	defer func() {
		// ServeMux panics over a wrong pattern; here it is an error of assembling.
		if p := recover(); p != nil {
			err = fmt.Errorf("route %q: %v", at, p)
		}
	}()
	for i := range routes {
		r := &routes[i]
		at = r.pattern
		if r.check != nil {
			return fmt.Errorf("route %q: %w", at, r.check)
		}
		if r.door != eventDoor {
			mux.HandleFunc(r.pattern, call(r))
		}
	}
	return nil
}

// event is the route of the Event door, nil without one. Errors: two of them.
func (routes Routes) event() (*Route, error) {
	var found *Route
	for i := range routes {
		if routes[i].door != eventDoor {
			continue
		}
		if found != nil {
			return nil, errors.New("a function has one Event door, with all its topics")
		}
		found = &routes[i]
	}
	return found, nil
}
