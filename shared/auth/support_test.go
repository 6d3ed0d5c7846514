package auth_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"testing"
	"time"

	"bazaar/shared/auth"
)

// pair is a fresh key in the forms in which settings carry it.
type pair struct {
	private    ed25519.PrivateKey
	public     ed25519.PublicKey
	privatePEM []byte
	publicPEM  []byte
}

func newPair(t testing.TB) pair {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	pkix, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return pair{
		private: private, public: public,
		privatePEM: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
		publicPEM:  pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix}),
	}
}

func newIssuer(t testing.TB, p pair, issuer, audience string) *auth.Issuer {
	t.Helper()
	i, err := auth.NewIssuer(p.privatePEM, issuer, audience, 10*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func newVerifier(t testing.TB, keys ...ed25519.PublicKey) *auth.Verifier {
	t.Helper()
	v, err := auth.NewVerifier(auth.TokenSettings{Issuer: "bazaar", Audience: "bazaar-api", Keys: auth.PublicJWKS(keys...)})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func issue(t testing.TB, i *auth.Issuer, c auth.Claims) string {
	t.Helper()
	token, err := i.Issue(c)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// forge writes any header and payload and signs them with the pair's key.
func forge(t testing.TB, p pair, header, payload map[string]any) string {
	t.Helper()
	text := segment(t, header) + "." + segment(t, payload)
	return text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(p.private, []byte(text)))
}

func segment(t testing.TB, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

func goodHeader(p pair) map[string]any {
	return map[string]any{"alg": "EdDSA", "typ": "at+jwt", "kid": auth.KeyID(p.public)}
}

func goodPayload() map[string]any {
	now := time.Now().Unix()
	return map[string]any{
		"iss": "bazaar", "aud": "bazaar-api", "sub": "alice", "sid": "s1", "jti": "j1",
		"roles": []string{}, "permissions": []string{}, "iat": now, "exp": now + 600,
	}
}

func with(m map[string]any, name string, value any) map[string]any {
	if value == nil {
		delete(m, name)
	} else {
		m[name] = value
	}
	return m
}
