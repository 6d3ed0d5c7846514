package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"bazaar/shared/auth"
	"bazaar/shared/fault"
	"bazaar/shared/fn"
	"bazaar/shared/identity"
)

// What a caller may send, in bytes.
const (
	maxUsername = 256
	maxPassword = 1024
	maxRefresh  = 256
)

// Handler holds the steps.
type Handler struct {
	Sessions interface {
		Account(ctx context.Context, username string) (identity.Account, bool, error)
		SignIn(ctx context.Context, userID string) (identity.Grant, error)
		Refresh(ctx context.Context, token string) (identity.Grant, error)
		SignOut(ctx context.Context, sessionID string) error
	}
	Tokens interface {
		Issue(c auth.Claims) (string, error)
		TTL() time.Duration
	}
	// Hashing bounds how many Checks run at once.
	Hashing interface {
		Do(ctx context.Context, f func()) error
	}
	Check func(hash, password string) bool
	Decoy string // the hash that an unknown name is checked against
	Keys  []byte // JWKS
	Log   *slog.Logger
}

type credentials struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

type renewal struct {
	RefreshToken string `json:"refresh_token"`
}

type tokens struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
	RefreshToken string `json:"refresh_token"`
}

// SignIn gives tokens for a name and its password. An unknown name and a wrong
// password get the same answer after the same work.
func (h *Handler) SignIn(ctx context.Context, _ fn.Call, in credentials) (fn.Reply, error) {
	if err := checkText("username", in.Username, maxUsername); err != nil {
		return fn.Reply{}, err
	}
	if err := checkText("password", in.Password, maxPassword); err != nil {
		return fn.Reply{}, err
	}
	account, known, err := h.Sessions.Account(ctx, in.Username)
	if err != nil {
		return fn.Reply{}, err
	}
	hash, matches := account.PasswordHash, false
	if !known {
		hash = h.Decoy
	}
	if err := h.Hashing.Do(ctx, func() { matches = h.Check(hash, in.Password) }); err != nil {
		return fn.Reply{}, err
	}
	if !known || !matches {
		return fn.Reply{}, fault.New(fault.Unauthenticated, "invalid_credentials", "The username or the password is wrong.")
	}
	grant, err := h.Sessions.SignIn(ctx, account.UserID)
	if err != nil {
		return fn.Reply{}, err
	}
	return h.answer(grant)
}

// Refresh gives fresh tokens, with the roles as they are now.
func (h *Handler) Refresh(ctx context.Context, _ fn.Call, in renewal) (fn.Reply, error) {
	if err := checkText("refresh_token", in.RefreshToken, maxRefresh); err != nil {
		return fn.Reply{}, err
	}
	grant, err := h.Sessions.Refresh(ctx, in.RefreshToken)
	if err != nil {
		if errors.Is(err, identity.ErrReused) {
			h.Log.WarnContext(ctx, "session ended: somebody has a copy of its refresh token", "error", err.Error())
		}
		return fn.Reply{}, err
	}
	return h.answer(grant)
}

// SignOut ends the caller's session.
func (h *Handler) SignOut(ctx context.Context, c fn.Call, _ fn.None) (fn.Reply, error) {
	if err := h.Sessions.SignOut(ctx, c.Caller.SessionID); err != nil {
		return fn.Reply{}, err
	}
	return fn.Reply{Status: http.StatusNoContent}, nil
}

// PublicKeys answers the keys that prove our access tokens.
func (h *Handler) PublicKeys(context.Context, fn.Call, fn.None) (fn.Reply, error) {
	return fn.Reply{Raw: h.Keys, Header: map[string]string{"Cache-Control": "public, max-age=300"}}, nil
}

func (h *Handler) answer(g identity.Grant) (fn.Reply, error) {
	access, err := h.Tokens.Issue(auth.Claims{
		Subject: g.UserID, SessionID: g.SessionID, Roles: g.Roles, Permissions: auth.Permissions(g.Roles), IssuedAt: g.At,
	})
	if err != nil {
		return fn.Reply{}, err
	}
	return fn.Reply{
		Status: http.StatusOK,
		Body: tokens{
			AccessToken: access, TokenType: "Bearer",
			ExpiresIn: int64(h.Tokens.TTL() / time.Second), RefreshToken: g.RefreshToken,
		},
		Header: map[string]string{"Cache-Control": "no-store"},
	}, nil
}

// checkText bounds what is hashed or looked up. PostgreSQL has no text with NUL.
func checkText(field, text string, longest int) error {
	if text == "" || len(text) > longest || strings.ContainsRune(text, 0) {
		return fault.New(fault.Invalid, "invalid_body", "The %s must be 1 to %d bytes of text.", field, longest).At(field)
	}
	return nil
}
