package auth

import (
	"crypto/ed25519"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// tokenType is the header's typ of an access token (RFC 9068).
const tokenType = "at+jwt"

// payload is the wire form of Claims.
type payload struct {
	jwt.RegisteredClaims
	SessionID   string   `json:"sid"`
	Roles       []string `json:"roles"`
	Permissions []string `json:"permissions"`
}

// Issuer signs access tokens. It is safe for use by many calls at once.
type Issuer struct {
	key      ed25519.PrivateKey
	keyID    string
	issuer   string
	audience string
	ttl      time.Duration
}

// NewIssuer signs with a PKCS #8 PEM Ed25519 key; its tokens live for ttl, in
// whole seconds.
func NewIssuer(signingKey []byte, issuer, audience string, ttl time.Duration) (*Issuer, error) {
	key, err := parsePrivate(signingKey)
	if err != nil {
		return nil, fmt.Errorf("the key that signs tokens: %w", err)
	}
	if ttl < time.Second {
		return nil, fmt.Errorf("a token's life of %s is shorter than a second", ttl)
	}
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("the key that signs tokens: its public half is no Ed25519 key")
	}
	return &Issuer{key: key, keyID: KeyID(public), issuer: issuer, audience: audience, ttl: ttl.Truncate(time.Second)}, nil
}

// KeyID is the kid of the tokens.
func (i *Issuer) KeyID() string { return i.keyID }

// TTL is how long a token lives.
func (i *Issuer) TTL() time.Duration { return i.ttl }

// Issue signs a token that says c. An IssuedAt of zero is now, an Expires of
// zero is IssuedAt plus the ttl, an empty ID is a fresh one.
func (i *Issuer) Issue(c Claims) (string, error) {
	if c.IssuedAt.IsZero() {
		c.IssuedAt = time.Now()
	}
	if c.Expires.IsZero() {
		c.Expires = c.IssuedAt.Add(i.ttl)
	}
	if c.ID == "" {
		c.ID = uuid.NewString()
	}
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, payload{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: i.issuer, Audience: jwt.ClaimStrings{i.audience}, Subject: c.Subject, ID: c.ID,
			IssuedAt: jwt.NewNumericDate(c.IssuedAt), ExpiresAt: jwt.NewNumericDate(c.Expires),
		},
		SessionID: c.SessionID, Roles: list(c.Roles), Permissions: list(c.Permissions),
	})
	token.Header["typ"] = tokenType
	token.Header["kid"] = i.keyID
	signed, err := token.SignedString(i.key)
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return signed, nil
}

// list makes nil an empty list: a claim is [], never null.
func list(of []string) []string {
	if of == nil {
		return []string{}
	}
	return of
}
