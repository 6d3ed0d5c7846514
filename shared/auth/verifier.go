package auth

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"bazaar/shared/fault"
)

// MaxToken is the longest token that is looked at, in bytes.
const MaxToken = 4096

// Leeway is how far the clocks of issuer and verifier may be apart.
const Leeway = 30 * time.Second

// TokenSettings says which tokens are ours.
type TokenSettings struct {
	Issuer   string `env:"token_issuer" envDefault:"bazaar"`
	Audience string `env:"token_audience" envDefault:"bazaar-api"`
	Keys     []byte `secret:"token-keys"` // JWKS of public keys; two while they are being exchanged
}

// Verifier checks access tokens. It is safe for use by many calls at once.
//
// It does not know whether the token's session was ended: the door asks for that.
type Verifier struct {
	keys   map[string]ed25519.PublicKey
	jwks   []byte
	parser *jwt.Parser
	known  *memory
}

// NewVerifier trusts the keys of s and no other. It never calls out.
func NewVerifier(s TokenSettings) (*Verifier, error) {
	keys, err := parseJWKS(s.Keys)
	if err != nil {
		return nil, fmt.Errorf("the secret token-keys: %w", err)
	}
	if s.Issuer == "" || s.Audience == "" {
		return nil, errors.New("token_issuer and token_audience must not be empty")
	}
	v := &Verifier{keys: make(map[string]ed25519.PublicKey, len(keys)), jwks: PublicJWKS(keys...), known: newMemory()}
	for _, key := range keys {
		v.keys[KeyID(key)] = key
	}
	v.parser = jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
		jwt.WithIssuer(s.Issuer), jwt.WithAudience(s.Audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(Leeway),
		jwt.WithStrictDecoding(),
	)
	return v, nil
}

// JWKS is the set of trusted public keys, to be published.
func (v *Verifier) JWKS() []byte { return v.jwks }

// Knows reports whether tokens with this kid are trusted.
func (v *Verifier) Knows(keyID string) bool {
	_, ok := v.keys[keyID]
	return ok
}

// Verify gives the claims of a token: EdDSA by a trusted key, of type at+jwt,
// of our issuer and for our audience, not expired. A token once verified is
// remembered until it expires. Failures are faults of kind unauthenticated:
// token_missing, token_expired, invalid_token.
func (v *Verifier) Verify(token string) (Claims, error) {
	if token == "" {
		return Claims{}, fault.New(fault.Unauthenticated, "token_missing", "The call carries no access token.")
	}
	if err := wellFormed(token); err != nil {
		return Claims{}, invalidToken(err)
	}
	now, sum := time.Now(), sha256.Sum256([]byte(token))
	if claims, ok := v.known.find(sum, now); ok {
		return claims, nil
	}
	var p payload
	if _, err := v.parser.ParseWithClaims(token, &p, v.keyFor); err != nil {
		if errors.Is(err, jwt.ErrTokenExpired) {
			return Claims{}, fault.New(fault.Unauthenticated, "token_expired", "The access token has expired.").Because(err)
		}
		return Claims{}, invalidToken(err)
	}
	if p.Subject == "" || p.SessionID == "" || p.ID == "" || p.IssuedAt == nil {
		return Claims{}, invalidToken(errors.New("a claim of sub, sid, jti, iat is missing"))
	}
	claims := Claims{
		Subject: p.Subject, SessionID: p.SessionID, Roles: p.Roles, Permissions: p.Permissions,
		IssuedAt: p.IssuedAt.Time, Expires: p.ExpiresAt.Time, ID: p.ID,
	}
	v.known.add(sum, claims, now)
	return claims, nil
}

// keyFor finds the key by kid in the local map. A header that says more than
// alg, kid and typ (jku, jwk, x5u, crit, …) is refused: nothing of it is ours.
func (v *Verifier) keyFor(t *jwt.Token) (any, error) {
	for name := range t.Header {
		if name != "alg" && name != "kid" && name != "typ" {
			return nil, fmt.Errorf("the header says %q", name)
		}
	}
	if t.Header["typ"] != tokenType {
		return nil, fmt.Errorf("the type is not %s", tokenType)
	}
	id, _ := t.Header["kid"].(string)
	key, ok := v.keys[id]
	if !ok {
		return nil, errors.New("no such key")
	}
	return key, nil
}

// wellFormed looks at size and alphabet before anything is decoded: three parts
// of base64url, which also keeps out the line breaks that decoders overlook.
func wellFormed(token string) error {
	if len(token) > MaxToken {
		return fmt.Errorf("it is longer than %d bytes", MaxToken)
	}
	if strings.Count(token, ".") != 2 {
		return errors.New("it has not three parts")
	}
	for i := range len(token) {
		c := token[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && c != '-' && c != '_' && c != '.' {
			return errors.New("it holds a byte outside base64url")
		}
	}
	return nil
}

func invalidToken(cause error) error {
	return fault.New(fault.Unauthenticated, "invalid_token", "The access token is not valid.").Because(cause)
}
