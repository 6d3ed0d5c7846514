package fn

import (
	"errors"
	"net/http"
	"strings"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"bazaar/shared/auth"
	"bazaar/shared/fault"
)

const (
	// moneyListAge is the age of the list of revoked sessions at which routes of
	// money and roles refuse; userListAge is where the other User routes do that
	// do not say so themselves, and maxListAge the most that one may say.
	moneyListAge = 5 * time.Second
	userListAge  = 60 * time.Second
	maxListAge   = 24 * time.Hour
)

// TokenVerifier tells whose access token it is. Errors: faults, unauthenticated
// for a token that is not good.
type TokenVerifier interface {
	Verify(token string) (auth.Claims, error)
}

// Revocations is the list of sessions that were ended before their tokens.
type Revocations interface {
	Revoked(sessionID string) bool
	// Age is how old the list is; before it was first read, longer than a day.
	Age() time.Duration
}

// UserDoor is what the User door asks. Both fields are required.
type UserDoor struct {
	Tokens  TokenVerifier
	Revoked Revocations
}

// User is the door for a person: a bearer token, then the list of revoked
// sessions, then roles; only then is the body read. The pattern is as in Public.
func User(d UserDoor, pattern string, h handler.FunctionHandler, opts ...Option) Route {
	r := newRoute("user", pattern, opts)
	if d.Tokens == nil || d.Revoked == nil {
		r.check = errors.New("the User door needs Tokens and Revoked")
	}
	roles, oldest := r.roles, userListAge
	switch strict := r.money || len(roles) > 0; {
	case strict && r.listAge != 0:
		r.check = errors.New("ListAge goes with neither Roles nor Money")
	case strict:
		oldest = moneyListAge
	case r.listAge != 0:
		oldest = r.listAge
	}
	r.run = func(x *exchange) (handler.Response, error) {
		x.begin(x.r.Header.Get("Traceparent"))
		caller, err := d.admit(x.r.Header, oldest)
		x.call.Caller = caller
		if err != nil {
			return handler.Response{}, err
		}
		if len(roles) > 0 && !hasAny(caller, roles) {
			return handler.Response{}, fault.New(fault.Denied, "denied", "This needs a role that you do not have.")
		}
		return x.handle(h)
	}
	return r
}

// admit checks who calls. It refuses by a list that is older than oldest.
func (d UserDoor) admit(h http.Header, oldest time.Duration) (auth.Claims, error) {
	token, err := bearer(h)
	if err != nil {
		return auth.Claims{}, err
	}
	return d.owner(token, oldest)
}

// Owner is whose access token it is, by the checks of a User route without
// options. It is for a Raw route that is brought what several people say, each
// with a token of its own. Errors: as the door's.
func (d UserDoor) Owner(token string) (auth.Claims, error) { return d.owner(token, userListAge) }

func (d UserDoor) owner(token string, oldest time.Duration) (auth.Claims, error) {
	caller, err := d.Tokens.Verify(token)
	if err != nil {
		return auth.Claims{}, err
	}
	if d.Revoked.Revoked(caller.SessionID) {
		return caller, fault.New(fault.Unauthenticated, "session_revoked", "This session was signed out.")
	}
	// Not on the list says little when the list is old.
	if d.Revoked.Age() > oldest {
		return caller, fault.New(fault.Unavailable, "unavailable", "Sign-outs cannot be checked at the moment.").After(time.Second)
	}
	return caller, nil
}

// bearer is the token of the one Authorization header (RFC 6750).
func bearer(h http.Header) (string, error) {
	values := h["Authorization"]
	if len(values) == 0 {
		return "", fault.New(fault.Unauthenticated, "token_missing", "This needs an access token.")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.TrimLeft(token, " ")
	if len(values) > 1 || token == "" || !strings.EqualFold(scheme, "Bearer") {
		return "", fault.New(fault.Unauthenticated, "token_missing", "This needs one Authorization header with a Bearer token.")
	}
	return token, nil
}

func hasAny(caller auth.Claims, roles []string) bool {
	for _, role := range roles {
		if caller.Has(role) {
			return true
		}
	}
	return false
}
