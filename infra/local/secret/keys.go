package secret

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"

	"bazaar/shared/auth"
)

// pair is a private key's secret, and those that are derived from it. What is
// derived is written anew when it is missing, so the two always fit.
type pair struct {
	private string
	make    func() ([]byte, error)
	derived map[string]func(private []byte) ([]byte, error)
}

// The secrets of the main road, in no order.
func passwords() []string {
	return []string{"postgres-password", "redis-password", "nats-password", "basic-auth-password"}
}

func pairs() []pair {
	return []pair{
		{"token-signing-key", newEd25519, map[string]func([]byte) ([]byte, error){"token-keys": publicJWKS}},
		{"trigger-signing-key", newEd25519, map[string]func([]byte) ([]byte, error){"trigger-key": publicPEM}},
		{"alipay-merchant-key", newRSA, map[string]func([]byte) ([]byte, error){"alipay-merchant-public-key": publicPEM}},
		{"paysim-key", newRSA, map[string]func([]byte) ([]byte, error){"alipay-public-key": publicPEM}},
	}
}

func newPassword() ([]byte, error) {
	return []byte(base64.RawURLEncoding.EncodeToString(random(24))), nil
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails
	return b
}

func newEd25519() ([]byte, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making an Ed25519 key: %w", err)
	}
	return privatePEM(key)
}

func newRSA() ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("making an RSA key: %w", err)
	}
	return privatePEM(key)
}

func privatePEM(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding a private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func publicOf(private []byte) (crypto.PublicKey, error) {
	block, _ := pem.Decode(private)
	if block == nil {
		return nil, errors.New("it is no PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a %T does not sign", key)
	}
	return signer.Public(), nil
}

func publicPEM(private []byte) ([]byte, error) {
	key, err := publicOf(private)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

func publicJWKS(private []byte) ([]byte, error) {
	key, err := publicOf(private)
	if err != nil {
		return nil, err
	}
	public, ok := key.(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("a %T signs no tokens", key)
	}
	return auth.PublicJWKS(public), nil
}
