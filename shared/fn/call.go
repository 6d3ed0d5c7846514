package fn

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"time"

	"bazaar/shared/auth"
	"bazaar/shared/fault"
)

// Call is what a step is told beside its input.
type Call struct {
	// Caller is who the User door let in; empty at the other doors.
	Caller auth.Claims
	// Params are the path's wildcards; each matches ^[A-Za-z0-9_-]{1,64}$.
	Params map[string]string
	// Query is the query string; valid UTF-8 without NUL, nil when there is none.
	Query url.Values
	// Key is the Idempotency-Key of a route with NeedsKey: 1..255 visible ASCII.
	Key string
	// Wait is how long the caller asked to be kept waiting (Prefer: wait=N), at
	// most 10 s and at most what the deadline leaves.
	Wait time.Duration
}

const (
	defaultLimit = 20
	maxLimit     = 100
)

// Limit is the query's limit of a list: 20 unless said, at most 100. Errors:
// fault invalid `invalid_limit` for what is no positive whole number.
func (c Call) Limit() (int, error) {
	text := c.Query.Get("limit")
	if text == "" {
		return defaultLimit, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || n == 0 {
		return 0, fault.New(fault.Invalid, "invalid_limit", "The limit is a whole number from 1 to %d.", maxLimit).At("limit").Because(err)
	}
	return int(min(n, maxLimit)), nil
}

// RawCall is what a Raw step is told: the request as it came.
type RawCall struct {
	Body        []byte
	ContentType string
	Query       url.Values
	Params      map[string]string
}

// None is the input of a step that takes no body: an empty one or {}.
type None struct{}

// Reply is a step's answer.
type Reply struct {
	Status int // 0 is 200, or 204 without a body
	Body   any // encoded as JSON; nil is no body
	// Raw is sent as it is instead of Body, as ContentType (application/json unless said).
	Raw         []byte
	ContentType string
	Header      map[string]string
}

// Page is the JSON of a list: {"items":[…],"next":"<cursor>"|null}.
type Page struct {
	Items any    // a slice
	Next  string // empty: there is no more
}

// MarshalJSON writes an empty Next as null.
func (p Page) MarshalJSON() ([]byte, error) {
	page := struct {
		Items any     `json:"items"`
		Next  *string `json:"next"`
	}{Items: p.Items}
	if p.Next != "" {
		page.Next = &p.Next
	}
	return encode(page)
}

// exchangeKey finds the exchange in a context.
type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// Path is what followed /function/<name> in the call's path, "/" at least;
// empty outside a call.
func Path(ctx context.Context) string {
	if x := exchangeOf(ctx); x != nil {
		return x.r.URL.Path
	}
	return ""
}

// CallID is the X-Call-Id of ctx's call, empty outside one.
func CallID(ctx context.Context) string {
	if x := exchangeOf(ctx); x != nil {
		return x.id
	}
	return ""
}
