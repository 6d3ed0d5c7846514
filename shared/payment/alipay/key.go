package alipay

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// minKeyBits is the shortest RSA key that is taken; the provider issues 2048.
const minKeyBits = 2048

// PrivateKey reads an RSA private key: PEM or bare base64 (as the provider's own
// tool hands it out), PKCS #8 or PKCS #1.
func PrivateKey(text []byte) (*rsa.PrivateKey, error) {
	der, err := unarmour(text)
	if err != nil {
		return nil, fmt.Errorf("reading an RSA private key: %w", err)
	}
	key, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil {
		parsed, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			return nil, errors.New("reading an RSA private key: neither PKCS #8 nor PKCS #1")
		}
		var ok bool
		if key, ok = parsed.(*rsa.PrivateKey); !ok {
			return nil, errors.New("reading an RSA private key: it is of another kind")
		}
	}
	return key, longEnough(&key.PublicKey)
}

// PublicKey reads an RSA public key: PEM or bare base64, PKIX or PKCS #1.
func PublicKey(text []byte) (*rsa.PublicKey, error) {
	der, err := unarmour(text)
	if err != nil {
		return nil, fmt.Errorf("reading an RSA public key: %w", err)
	}
	key, err := x509.ParsePKCS1PublicKey(der)
	if err != nil {
		parsed, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			return nil, errors.New("reading an RSA public key: neither PKIX nor PKCS #1")
		}
		var ok bool
		if key, ok = parsed.(*rsa.PublicKey); !ok {
			return nil, errors.New("reading an RSA public key: it is of another kind")
		}
	}
	return key, longEnough(key)
}

// NewKeyPair makes a fresh pair as PEM, PKCS #8 and PKIX: for a simulated
// provider and for tests.
func NewKeyPair() (private, public []byte, err error) {
	key, err := rsa.GenerateKey(rand.Reader, minKeyBits)
	if err != nil {
		return nil, nil, fmt.Errorf("making an RSA key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("encoding an RSA private key: %w", err)
	}
	pub, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, nil, fmt.Errorf("encoding an RSA public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub}), nil
}

func unarmour(text []byte) ([]byte, error) {
	if block, _ := pem.Decode(text); block != nil {
		return block.Bytes, nil
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil || len(der) == 0 {
		return nil, errors.New("neither PEM nor base64")
	}
	return der, nil
}

func longEnough(key *rsa.PublicKey) error {
	if bits := key.N.BitLen(); bits < minKeyBits {
		return fmt.Errorf("an RSA key of %d bits is too short: %d at least", bits, minKeyBits)
	}
	return nil
}
