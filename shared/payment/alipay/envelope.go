package alipay

import (
	"bytes"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"strings"
)

// Answer is the part that every answer of the gateway begins with.
type Answer struct {
	Code    string `json:"code"`
	Msg     string `json:"msg"`
	SubCode string `json:"sub_code,omitempty"`
	SubMsg  string `json:"sub_msg,omitempty"`
}

// ResponseKey is the name under which the answer to method stands in its envelope.
func ResponseKey(method string) string {
	return strings.ReplaceAll(method, ".", "_") + "_response"
}

// SealResponse writes the envelope of an answer, signed by key. The signature
// covers the answer's bytes as they stand in the envelope.
func SealResponse(method string, answer any, key *rsa.PrivateKey) ([]byte, error) {
	value, err := json.Marshal(answer)
	if err != nil {
		return nil, fmt.Errorf("encoding the answer to %s: %w", method, err)
	}
	sign, err := Sign(key, value)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `{%q:%s,"sign":%q}`, ResponseKey(method), value, sign), nil
}

// openResponse cuts the raw bytes of the answer to method out of its envelope
// and checks their signature. An envelope without either is ErrSignature: there
// are unsigned error bodies, and anybody on the way could have written one.
func openResponse(method string, body []byte, provider *rsa.PublicKey) ([]byte, error) {
	var envelope map[string]json.RawMessage
	if err := json.Unmarshal(body, &envelope); err != nil {
		return nil, fmt.Errorf("decoding the envelope of %s: %w", method, err)
	}
	var sign string
	value, there := envelope[ResponseKey(method)]
	if !there || json.Unmarshal(envelope["sign"], &sign) != nil {
		return nil, fmt.Errorf("%w: %s", ErrSignature, excerpt(body))
	}
	// A RawMessage is a verbatim copy: re-encoding would sign other bytes.
	if err := Verify(provider, value, sign); err != nil {
		return nil, err
	}
	return value, nil
}

// excerpt is enough of a body to recognise it in a log.
func excerpt(body []byte) string {
	const most = 200
	body = bytes.ToValidUTF8(body, []byte("?"))
	if len(body) > most {
		body = body[:most]
	}
	return string(body)
}
