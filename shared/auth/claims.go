// Package auth knows who calls: access tokens and the keys behind them, roles
// and what they permit, password hashes, and the signatures with which the
// trigger proves that an event comes from it.
//
// It keeps nothing: accounts, sessions and their end belong to identity, and
// whether a session was ended is asked at the door, not here.
package auth

import (
	"slices"
	"time"
)

// Claims is what an access token says. Claims that a Verifier answers are
// shared between calls: their slices are read, never written.
type Claims struct {
	Subject     string // the user id
	SessionID   string
	Roles       []string
	Permissions []string
	IssuedAt    time.Time
	Expires     time.Time
	ID          string // one token's own id (jti)
}

// Has reports whether the caller has the role.
func (c Claims) Has(role string) bool { return slices.Contains(c.Roles, role) }

// May reports whether the caller has the permission.
func (c Claims) May(permission string) bool { return slices.Contains(c.Permissions, permission) }
