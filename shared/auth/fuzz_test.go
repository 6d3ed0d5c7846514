package auth

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"
	"testing"
)

// FuzzParsePHC: a hash has one form, and none asks for more work than we allow.
func FuzzParsePHC(f *testing.F) {
	const cheap = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	for _, text := range []string{"", "$$$$$", cheap, cheap + "=", strings.Replace(cheap, "t=1", "t=01", 1), strings.Replace(cheap, "m=64", "m=4294967296", 1), Decoy()} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h, ok := parsePHC(text)
		if ok && (h.String() != text || h.memory > maxMemory || h.passes > maxPasses || h.threads > maxThreads || len(h.salt) > maxField || len(h.key) > maxField) {
			t.Errorf("%q is read as %+v", text, h)
		}
	})
}

// FuzzParseJWKS: what is accepted is a set of public keys, published as it was read.
func FuzzParseJWKS(f *testing.F) {
	public := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	good := string(PublicJWKS(public))
	for _, text := range []string{good, string(PublicJWKS(public, public)), `{"keys":[]}`, `{"keys":[null]}`, "[]", strings.Replace(good, `"x"`, `"d":"A","x"`, 1),
		strings.Replace(good, `"use":"sig",`, "", 1), strings.Replace(good, "EdDSA", "HS256", 1), strings.ToUpper(good)} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := parseJWKS(text)
		if err != nil {
			if keys != nil {
				t.Errorf("%q: %d keys and %v", text, len(keys), err)
			}
			return
		}
		again, err := parseJWKS(PublicJWKS(keys...))
		if err != nil || len(keys) == 0 || !slices.EqualFunc(again, keys, func(a, b ed25519.PublicKey) bool { return a.Equal(b) }) {
			t.Errorf("%q is %v, published it is %v, %v", text, keys, again, err)
		}
		for _, key := range keys {
			if len(key) != ed25519.PublicKeySize || len(KeyID(key)) != 43 {
				t.Errorf("%q holds the key %x", text, key)
			}
		}
	})
}

// FuzzParseKeys: a key in PEM is an Ed25519 key that encodes to what was read.
func FuzzParseKeys(f *testing.F) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		f.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		f.Fatal(err)
	}
	one := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	f.Add(one)
	f.Add(slices.Concat([]byte("# two\n"), one, one))
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: private}))
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if key, err := parsePrivate(text); err == nil {
			der, err := x509.MarshalPKCS8PrivateKey(key)
			again, err2 := parsePrivate(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
			if err != nil || err2 != nil || !again.Equal(key) {
				t.Errorf("%q: a private key that does not encode: %v, %v", text, err, err2)
			}
		}
		keys, err := parsePublic(text)
		if (err == nil) != (len(keys) > 0) {
			t.Errorf("%q: %d keys and %v", text, len(keys), err)
		}
		if err == nil && bytes.Count(text, []byte("-----BEGIN")) < len(keys) {
			t.Errorf("%q holds %d keys", text, len(keys))
		}
	})
}
