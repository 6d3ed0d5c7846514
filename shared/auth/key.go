package auth

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
)

// webKey is an Ed25519 key of a JWKS (RFC 8037). D is read only to refuse it.
type webKey struct {
	KeyType   string `json:"kty"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	Use       string `json:"use,omitempty"`
	Algorithm string `json:"alg,omitempty"`
	KeyID     string `json:"kid,omitempty"`
	D         string `json:"d,omitempty"`
}

type webKeySet struct {
	Keys []webKey `json:"keys"`
}

// KeyID names a public key by its RFC 7638 thumbprint.
func KeyID(key ed25519.PublicKey) string {
	x := base64.RawURLEncoding.EncodeToString(key)
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + x + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// PublicJWKS is the JSON Web Key Set of the keys, in their order.
func PublicJWKS(keys ...ed25519.PublicKey) []byte {
	set := webKeySet{Keys: []webKey{}}
	for _, key := range keys {
		set.Keys = append(set.Keys, webKey{
			KeyType: "OKP", Curve: "Ed25519", X: base64.RawURLEncoding.EncodeToString(key),
			Use: "sig", Algorithm: "EdDSA", KeyID: KeyID(key),
		})
	}
	body, _ := json.Marshal(set) // strings only: it cannot fail
	return body
}

// parseJWKS reads a key set strictly: what is not an Ed25519 public key under
// its own thumbprint is a mistake in the settings and refused.
func parseJWKS(text []byte) ([]ed25519.PublicKey, error) {
	var set webKeySet
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("decoding the key set: %w", err)
	}
	if len(set.Keys) == 0 {
		return nil, errors.New("the key set holds no key")
	}
	keys := make([]ed25519.PublicKey, 0, len(set.Keys))
	for i, wk := range set.Keys {
		key, err := wk.public()
		if err != nil {
			return nil, fmt.Errorf("key %d of the key set: %w", i, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func (k webKey) public() (ed25519.PublicKey, error) {
	switch {
	case k.D != "":
		return nil, errors.New("it is a private key: only public keys belong there")
	case k.KeyType != "OKP" || k.Curve != "Ed25519":
		return nil, fmt.Errorf("it is %s %s, not OKP Ed25519", k.KeyType, k.Curve)
	case k.Use != "" && k.Use != "sig":
		return nil, fmt.Errorf("its use is %q, not sig", k.Use)
	case k.Algorithm != "" && k.Algorithm != "EdDSA":
		return nil, fmt.Errorf("its alg is %q, not EdDSA", k.Algorithm)
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(k.X)
	if err != nil || len(raw) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("its x is not %d bytes of base64url", ed25519.PublicKeySize)
	}
	key := ed25519.PublicKey(raw)
	if k.KeyID != "" && k.KeyID != KeyID(key) {
		return nil, fmt.Errorf("its kid %q is not its thumbprint %q", k.KeyID, KeyID(key))
	}
	return key, nil
}

// parsePrivate reads one PKCS #8 PEM block with an Ed25519 key.
func parsePrivate(text []byte) (ed25519.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New("there is no PEM block PRIVATE KEY (PKCS #8)")
	}
	any, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("reading the PKCS #8 key: %w", err)
	}
	key, ok := any.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("the key is a %T, not Ed25519", any)
	}
	return key, nil
}

// parsePublic reads every PKIX PEM block of text: more than one while keys are
// being exchanged.
func parsePublic(text []byte) ([]ed25519.PublicKey, error) {
	var keys []ed25519.PublicKey
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		if block.Type != "PUBLIC KEY" {
			return nil, fmt.Errorf("a PEM block is a %s, not a PUBLIC KEY", block.Type)
		}
		any, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("reading the PKIX key: %w", err)
		}
		key, ok := any.(ed25519.PublicKey)
		if !ok {
			return nil, fmt.Errorf("the key is a %T, not Ed25519", any)
		}
		keys, text = append(keys, key), rest
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no PEM block PUBLIC KEY")
	}
	return keys, nil
}
