package auth_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"testing"
	"time"

	"bazaar/shared/auth"
)

// The example of RFC 8037, appendix A.3.
func TestKeyIDIsTheThumbprint(t *testing.T) {
	t.Parallel()
	x, err := base64.RawURLEncoding.DecodeString("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
	if err != nil {
		t.Fatal(err)
	}
	if got := auth.KeyID(ed25519.PublicKey(x)); got != "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" {
		t.Errorf("thumbprint %s", got)
	}
}

func TestVerifierPublishesItsKeys(t *testing.T) {
	t.Parallel()
	a, b := newPair(t), newPair(t)
	v := newVerifier(t, a.public, b.public)
	if string(v.JWKS()) != string(auth.PublicJWKS(a.public, b.public)) {
		t.Errorf("published %s", v.JWKS())
	}
	if !v.Knows(auth.KeyID(a.public)) || !v.Knows(newIssuer(t, b, "i", "a").KeyID()) || v.Knows("") {
		t.Error("it does not know its own keys")
	}
}

func TestKeysOfTheWrongKindAreRefused(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(other)
	if err != nil {
		t.Fatal(err)
	}
	pkix, err := x509.MarshalPKIXPublicKey(&other.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"empty": nil, "no PEM": []byte("key"), "a public key": p.publicPEM,
		"an EC key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
		"rubbish":   pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}),
	} {
		if _, err := auth.NewIssuer(text, "i", "a", time.Minute); err == nil {
			t.Errorf("issuer with %s", name)
		}
		if _, err := auth.NewEventSigner(text); err == nil {
			t.Errorf("signer with %s", name)
		}
	}
	for name, text := range map[string][]byte{
		"empty": nil, "a private key": p.privatePEM,
		"an EC key": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix}),
		"rubbish":   pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")}),
	} {
		if _, err := auth.NewEventVerifier(text); err == nil {
			t.Errorf("event verifier with %s", name)
		}
	}
	if _, err := auth.NewIssuer(p.privatePEM, "i", "a", time.Millisecond); err == nil {
		t.Error("issuer with a life of a millisecond")
	}
}
