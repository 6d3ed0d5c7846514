package alipay

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// RSA2 is the only signature that is made or accepted: SHA-256 with RSA,
// PKCS #1 v1.5. What a message says about its own signature chooses nothing.
const RSA2 = "RSA2"

// ErrSignature means that the message does not come from whom it says.
var ErrSignature = errors.New("the signature does not match")

// empties says what a string to sign does with parameters without a value: the
// provider's documents drop them, its own libraries keep them in notifications.
type empties bool

const (
	dropEmpty empties = false
	keepEmpty empties = true
)

// stringToSign joins the parameters as k=v with &, by key in ASCII order, not
// escaped. without are the keys that the signature does not cover.
func stringToSign(params map[string]string, e empties, without ...string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(params)) {
		if slices.Contains(without, k) || (e == dropEmpty && params[k] == "") {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(k)
		b.WriteByte('=')
		b.WriteString(params[k])
	}
	return b.String()
}

// RequestString is what the signature of a request to the gateway covers:
// everything but sign, sign_type included.
func RequestString(params map[string]string) string {
	return stringToSign(params, dropEmpty, "sign")
}

// NotificationString is what the provider signs when it notifies.
func NotificationString(params map[string]string) string {
	return stringToSign(params, keepEmpty, notCovered()...)
}

// notCovered are the parameters of a notification that its signature leaves out.
func notCovered() []string { return []string{"sign", "sign_type", "alipay_cert_sn"} }

// Sign makes the RSA2 signature of content, base64.
func Sign(key *rsa.PrivateKey, content []byte) (string, error) {
	sum := sha256.Sum256(content)
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("signing with RSA2: %w", err)
	}
	return base64.StdEncoding.EncodeToString(sig), nil
}

// Verify checks an RSA2 signature of content. Any mismatch is ErrSignature.
func Verify(key *rsa.PublicKey, content []byte, signature string) error {
	sig, err := base64.StdEncoding.Strict().DecodeString(signature)
	if err != nil {
		return ErrSignature
	}
	sum := sha256.Sum256(content)
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig) != nil {
		return ErrSignature
	}
	return nil
}
