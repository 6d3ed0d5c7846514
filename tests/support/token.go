package support

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"sync"
	"testing"
	"time"

	"bazaar/shared/auth"
)

// keys are the test's own, made once a process.
type keys struct {
	tokens, events pair
}

type pair struct {
	public     ed25519.PublicKey
	privatePEM []byte
	publicPEM  []byte
}

var sharedKeys = sync.OnceValues(makeKeys)

func makeKeys() (keys, error) {
	tokens, err := makePair()
	if err != nil {
		return keys{}, err
	}
	events, err := makePair()
	return keys{tokens: tokens, events: events}, err
}

func makePair() (pair, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return pair{}, fmt.Errorf("making a key: %w", err)
	}
	privateDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return pair{}, fmt.Errorf("encoding a private key: %w", err)
	}
	publicDER, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return pair{}, fmt.Errorf("encoding a public key: %w", err)
	}
	return pair{
		public:     public,
		privatePEM: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: privateDER}),
		publicPEM:  pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER}),
	}, nil
}

func mustKeys(t testing.TB) keys {
	t.Helper()
	k, err := sharedKeys()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TokenKeys is the secret token-keys: the key set that proves the tokens of Token.
func TokenKeys(t testing.TB) []byte {
	t.Helper()
	return auth.PublicJWKS(mustKeys(t).tokens.public)
}

// TokenSigningKey is the secret token-signing-key that belongs to TokenKeys.
func TokenSigningKey(t testing.TB) []byte {
	t.Helper()
	return mustKeys(t).tokens.privatePEM
}

// TokenSettings accept the tokens of Token.
func TokenSettings(t testing.TB) auth.TokenSettings {
	t.Helper()
	return auth.TokenSettings{Issuer: "bazaar", Audience: "bazaar-api", Keys: TokenKeys(t)}
}

// Token is an access token of a user, good for an hour, in the session
// "session-of-<user>".
func Token(t testing.TB, user string, roles ...string) string {
	t.Helper()
	issuer, err := auth.NewIssuer(TokenSigningKey(t), "bazaar", "bazaar-api", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	token, err := issuer.Issue(auth.Claims{Subject: user, SessionID: "session-of-" + user,
		Roles: roles, Permissions: auth.Permissions(roles)})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// EventKeys are the secrets trigger-signing-key and trigger-key.
func EventKeys(t testing.TB) (signing, proving []byte) {
	t.Helper()
	k := mustKeys(t).events
	return k.privatePEM, k.publicPEM
}

// EventSigner signs calls of event doors as the trigger does.
func EventSigner(t testing.TB) *auth.EventSigner {
	t.Helper()
	signer, err := auth.NewEventSigner(mustKeys(t).events.privatePEM)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// EventVerifier accepts what EventSigner signed.
func EventVerifier(t testing.TB) *auth.EventVerifier {
	t.Helper()
	verifier, err := auth.NewEventVerifier(mustKeys(t).events.publicPEM)
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}
