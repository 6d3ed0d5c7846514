package identity

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
)

// secretBytes is the length of a refresh token, 256 bit.
const secretBytes = 32

// secret is a refresh token as bytes. The store knows only its hash.
type secret [secretBytes]byte

func newSecret() secret {
	var s secret
	_, _ = rand.Read(s[:]) // never fails since Go 1.24
	return s
}

// parseSecret reads what String wrote. Nothing else of the same bytes passes.
func parseSecret(token string) (secret, bool) {
	var s secret
	if len(token) != base64.RawURLEncoding.EncodedLen(secretBytes) {
		return s, false
	}
	n, err := base64.RawURLEncoding.Strict().Decode(s[:], []byte(token))
	return s, err == nil && n == secretBytes
}

// String is the token that the client keeps.
func (s secret) String() string { return base64.RawURLEncoding.EncodeToString(s[:]) }

func (s secret) hash() []byte {
	sum := sha256.Sum256(s[:])
	return sum[:]
}

// successor is the token that follows s. The seed is random and stored, so that
// whoever brings s again gets the same successor; neither half alone gives it.
func (s secret) successor(seed []byte) secret {
	mac := hmac.New(sha256.New, seed)
	mac.Write(s[:])
	return secret(mac.Sum(nil))
}
