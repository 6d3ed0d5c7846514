package fn

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	maxWait = 10 * time.Second
	// waitMargin is what a step keeps of its deadline to answer in after it waited.
	waitMargin = 500 * time.Millisecond
)

// preferWait reads wait=N of Prefer (RFC 7240): whole seconds, the first one
// counts, at most 10 s. What is not well formed is no preference.
func preferWait(h http.Header) time.Duration {
	for _, line := range h["Prefer"] {
		for preference := range strings.SplitSeq(line, ",") {
			preference, _, _ = strings.Cut(preference, ";")
			name, value, _ := strings.Cut(preference, "=")
			if !strings.EqualFold(strings.Trim(name, " \t"), "wait") {
				continue
			}
			value = strings.Trim(value, " \t")
			if inner := strings.TrimPrefix(value, `"`); inner != value {
				value = strings.TrimSuffix(inner, `"`)
			}
			seconds, err := strconv.ParseUint(value, 10, 31)
			if err != nil {
				return 0
			}
			return min(time.Duration(seconds)*time.Second, maxWait)
		}
	}
	return 0
}

// callTimeout is how long a call may take: limit, or what X-Timeout says (a Go
// duration or whole seconds) when that is shorter. Anything else is ignored.
func callTimeout(h http.Header, limit time.Duration) time.Duration {
	values := h["X-Timeout"]
	if len(values) == 0 {
		return limit
	}
	asked, err := time.ParseDuration(values[0])
	if err != nil {
		seconds, err := strconv.ParseUint(values[0], 10, 31)
		if err != nil {
			return limit
		}
		asked = time.Duration(seconds) * time.Second
	}
	if asked <= 0 {
		return limit
	}
	return min(asked, limit)
}
