package alipay

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// maxParams is far above the forty or so that the provider sends.
const maxParams = 200

// ErrMalformed means that a body is not the form it should be.
var ErrMalformed = errors.New("malformed form")

// ParseForm reads an application/x-www-form-urlencoded body into parameters of
// one value each. A repeated or empty name, a pair without "=", a wrong escape
// or a byte that such a body cannot hold is ErrMalformed: with two values for
// one name, the one that is checked need not be the one that is used.
func ParseForm(body []byte) (map[string]string, error) {
	for _, c := range body {
		if c <= ' ' || c >= 0x7f || c == ';' { // some servers separate parameters by ;
			return nil, fmt.Errorf("%w: byte %#02x", ErrMalformed, c)
		}
	}
	params := map[string]string{}
	for pair := range strings.SplitSeq(string(body), "&") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, fmt.Errorf("%w: a parameter without a value", ErrMalformed)
		}
		k, err := url.QueryUnescape(name)
		if err != nil || k == "" {
			return nil, fmt.Errorf("%w: a name", ErrMalformed)
		}
		v, err := url.QueryUnescape(value)
		if err != nil {
			return nil, fmt.Errorf("%w: the value of %.64q", ErrMalformed, k)
		}
		if _, twice := params[k]; twice {
			return nil, fmt.Errorf("%w: %.64q is there twice", ErrMalformed, k)
		}
		if len(params) == maxParams {
			return nil, fmt.Errorf("%w: more than %d parameters", ErrMalformed, maxParams)
		}
		params[k] = v
	}
	return params, nil
}

// EncodeForm is the body that ParseForm reads, by name.
func EncodeForm(params map[string]string) string {
	values := make(url.Values, len(params))
	for k, v := range params {
		values.Set(k, v)
	}
	return values.Encode()
}
