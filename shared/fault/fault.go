// Package fault names the ways in which a call can fail: a kind with one HTTP
// status each, a code that a client may test for, and a sentence that a caller
// may read. The cause stays inside: it is for the log, never for the caller.
package fault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Error is a failure that a caller may be told about.
type Error struct {
	Kind   Kind
	Code   string // stable, snake_case: part of the public contract
	Detail string // one sentence for the caller, without internals
	Field  string // the input that is wrong, e.g. lines[0].quantity
	// RetryAfter is when it makes sense to call again; zero says nothing.
	RetryAfter time.Duration
	// HTTPStatus overrides the kind's status where HTTP has a finer word.
	HTTPStatus int

	cause error
}

// New makes an Error whose detail is formatted as by fmt.Sprintf.
func New(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Error is for logs: it includes the cause.
func (e *Error) Error() string {
	text := e.Code
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.cause }

// Because returns a copy of e that carries cause for the log.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// After returns a copy of e that asks the caller to wait for d.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// At returns a copy of e that names the input at fault.
func (e *Error) At(field string) *Error {
	c := *e
	c.Field = field
	return &c
}

// Status is the HTTP status that e answers with.
func (e *Error) Status() int {
	if e.HTTPStatus != 0 {
		return e.HTTPStatus
	}
	return e.Kind.Status()
}

// Of finds the Error in err's chain. What is no fault becomes one: a passed
// deadline is a timeout, a cancelled call is unavailable, anything else is
// internal, with err as its cause. Of(nil) is nil.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	switch {
	case errors.As(err, &e):
		if err == error(e) {
			return e
		}
		return e.Because(err)
	case errors.Is(err, context.DeadlineExceeded):
		return New(Timeout, "timeout", "The call took longer than its deadline.").Because(err)
	case errors.Is(err, context.Canceled):
		return New(Unavailable, "unavailable", "The call was cancelled before it finished.").Because(err)
	}
	return New(Internal, "internal", "Something went wrong on our side.").Because(err)
}

// KindOf is the kind of Of(err); empty for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	return Of(err).Kind
}

// Is reports whether err is a fault with this code.
func Is(err error, code string) bool {
	return err != nil && Of(err).Code == code
}
