// Package identity owns who may sign in and who is signed in: accounts,
// sessions, refresh tokens and the list of revoked sessions (the tables of the
// schema identity).
//
// A session begins with a sign-in and ends with a sign-out, with its refresh
// token's expiry, when a refresh token is used that was replaced long ago, or
// when a role is taken from its user: access tokens carry the roles, so the ones
// that are out must end.
// The package neither checks passwords nor makes access tokens; it says for whom
// one may be made.
package identity

// Account is someone who may sign in.
type Account struct {
	UserID       string
	Username     string
	PasswordHash string // argon2id, PHC string
	Roles        []string
}
