package auth

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"bazaar/shared/fault"
)

// SignatureHeader carries the signature of an event call:
// t=<unix seconds>,v1=<base64 Ed25519 over "<t>\n<function>\n" and the body>.
const SignatureHeader = "X-Bazaar-Signature"

// SignatureAge is how old, or how far ahead, a signature may be.
const SignatureAge = 5 * time.Minute

// EventSigner signs the calls of the trigger.
type EventSigner struct {
	key ed25519.PrivateKey
}

// NewEventSigner signs with a PKCS #8 PEM Ed25519 key.
func NewEventSigner(privatePEM []byte) (*EventSigner, error) {
	key, err := parsePrivate(privatePEM)
	if err != nil {
		return nil, fmt.Errorf("the key that signs events: %w", err)
	}
	return &EventSigner{key: key}, nil
}

// Sign is the value of SignatureHeader for a call of function with body.
func (s *EventSigner) Sign(function string, at time.Time, body []byte) string {
	stamp := strconv.FormatInt(at.Unix(), 10)
	signature := ed25519.Sign(s.key, signedText(stamp, function, body))
	return "t=" + stamp + ",v1=" + base64.StdEncoding.EncodeToString(signature)
}

// EventVerifier checks that a call comes from the trigger.
//
// It does not remember signatures: a copy sent again within SignatureAge
// passes, and the step finds its work already done.
type EventVerifier struct {
	keys []ed25519.PublicKey
}

// NewEventVerifier trusts the Ed25519 keys of PKIX PEM blocks: one, or two
// while they are being exchanged.
func NewEventVerifier(publicPEM []byte) (*EventVerifier, error) {
	keys, err := parsePublic(publicPEM)
	if err != nil {
		return nil, fmt.Errorf("the key that proves events: %w", err)
	}
	return &EventVerifier{keys: keys}, nil
}

// Verify checks the header against the raw body, for this function and no
// other. Its failure is the fault invalid_signature, kind unauthenticated.
func (v *EventVerifier) Verify(function, header string, body []byte, now time.Time) error {
	stamp, signature, err := parseSignature(header)
	if err != nil {
		return invalidSignature(err)
	}
	at, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || stamp != strconv.FormatInt(at, 10) {
		return invalidSignature(errors.New("its time is no number"))
	}
	// Compared as numbers of seconds: a Duration would overflow for a wild t.
	limit := int64(SignatureAge / time.Second)
	if at < now.Unix()-limit || at > now.Unix()+limit {
		return invalidSignature(fmt.Errorf("it was made at %d, now is %d", at, now.Unix()))
	}
	text := signedText(stamp, function, body)
	for _, key := range v.keys {
		if ed25519.Verify(key, text, signature) {
			return nil
		}
	}
	return invalidSignature(errors.New("no key made it for this call"))
}

func parseSignature(header string) (stamp string, signature []byte, err error) {
	stamp, encoded, ok := strings.Cut(header, ",")
	stamp, okStamp := strings.CutPrefix(stamp, "t=")
	encoded, okValue := strings.CutPrefix(encoded, "v1=")
	// The length of base64 is checked first: the decoder would skip line breaks.
	if !ok || !okStamp || !okValue || len(encoded) != base64.StdEncoding.EncodedLen(ed25519.SignatureSize) {
		return "", nil, errors.New("the header is not t=…,v1=…")
	}
	signature, err = base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(signature) != ed25519.SignatureSize {
		return "", nil, errors.New("its v1 is no Ed25519 signature")
	}
	return stamp, signature, nil
}

func signedText(stamp, function string, body []byte) []byte {
	text := make([]byte, 0, len(stamp)+len(function)+len(body)+2)
	text = append(text, stamp...)
	text = append(text, '\n')
	text = append(text, function...)
	text = append(text, '\n')
	return append(text, body...)
}

func invalidSignature(cause error) error {
	return fault.New(fault.Unauthenticated, "invalid_signature", "The call does not carry the trigger's signature.").Because(cause)
}
