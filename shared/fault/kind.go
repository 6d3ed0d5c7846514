package fault

import "net/http"

// Kind says what sort of failure an Error is. It decides the HTTP status, the
// X-Fault header and what the trigger does with an event that met it.
type Kind string

// The kinds, from the caller's own mistakes to ours.
const (
	Invalid         Kind = "invalid"
	Unauthenticated Kind = "unauthenticated"
	Denied          Kind = "denied"
	NotFound        Kind = "not_found"
	Conflict        Kind = "conflict"
	TooLarge        Kind = "too_large"
	Mismatch        Kind = "mismatch"
	Limited         Kind = "limited"
	Unavailable     Kind = "unavailable"
	Timeout         Kind = "timeout"
	Internal        Kind = "internal"
)

// Status is the HTTP status of the kind; a kind that is not listed is internal.
func (k Kind) Status() int {
	switch k {
	case Invalid:
		return http.StatusBadRequest
	case Unauthenticated:
		return http.StatusUnauthorized
	case Denied:
		return http.StatusForbidden
	case NotFound:
		return http.StatusNotFound
	case Conflict:
		return http.StatusConflict
	case TooLarge:
		return http.StatusRequestEntityTooLarge
	case Mismatch:
		return http.StatusUnprocessableEntity
	case Limited:
		return http.StatusTooManyRequests
	case Unavailable:
		return http.StatusServiceUnavailable
	case Timeout:
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}

// Known reports whether k is one of the kinds above.
func (k Kind) Known() bool {
	return k == Internal || k.Status() != http.StatusInternalServerError
}
