package fn

import (
	"net/http"
	"strings"

	"github.com/dunglas/httpsfv"

	"bazaar/shared/fault"
)

const maxKey = 255

// idempotencyKey reads the Idempotency-Key: a structured-field string
// (RFC 8941, its parameters ignored) or the same characters bare. Errors: fault
// invalid `idempotency_key_missing`, `idempotency_key_invalid`.
func idempotencyKey(h http.Header) (string, error) {
	values := h["Idempotency-Key"]
	if len(values) == 0 {
		return "", fault.New(fault.Invalid, "idempotency_key_missing", "This request needs an Idempotency-Key.").At("Idempotency-Key")
	}
	key := strings.Trim(values[0], " \t")
	if strings.HasPrefix(key, `"`) {
		item, err := httpsfv.UnmarshalItem(values[:1])
		if err != nil {
			return "", invalidKey().Because(err)
		}
		text, isString := item.Value.(string)
		if !isString {
			return "", invalidKey()
		}
		key = text
	}
	if len(values) > 1 || len(key) == 0 || len(key) > maxKey || !visible(key) {
		return "", invalidKey()
	}
	return key, nil
}

func invalidKey() *fault.Error {
	return fault.New(fault.Invalid, "idempotency_key_invalid", "An Idempotency-Key is 1 to %d visible ASCII characters.", maxKey).At("Idempotency-Key")
}

func visible(text string) bool {
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}
