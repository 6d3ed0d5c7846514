package identity

import (
	"errors"
	"time"

	"bazaar/shared/fault"
)

// Grant says for whom an access token may be made, and carries the refresh
// token that comes with it. At is the database's clock: the token's issue time.
type Grant struct {
	SessionID    string
	UserID       string
	Roles        []string // as they are now, not as they were at sign-in
	RefreshToken string
	At           time.Time
}

// ErrReused is in the chain of a refusal when the refresh token had been
// replaced too long ago: somebody has a copy. The session was ended.
var ErrReused = errors.New("the refresh token was used again after it had been replaced")

// Why a session ended.
const (
	signedOut     = "signed_out"
	refreshReused = "refresh_reused"
	roleTaken     = "role_taken"
)

// refused is the one answer to every refresh token that is not accepted: who
// tries tokens learns nothing from it.
func refused(cause error) error {
	return fault.New(fault.Unauthenticated, "invalid_refresh_token", "The refresh token is not valid; sign in again.").Because(cause)
}
