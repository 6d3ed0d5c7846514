package fn

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"bazaar/shared/fault"
	"bazaar/shared/telemetry"
)

// problem is the JSON of an error (RFC 9457, application/problem+json).
type problem struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail,omitempty"`
	Instance string `json:"instance"`
	Code     string `json:"code"`
	Field    string `json:"field,omitempty"`
	TraceID  string `json:"trace_id,omitempty"`
}

// problemOf is f as the caller may see it: never its cause.
func (x *exchange) problemOf(f *fault.Error) (status int, header http.Header, body []byte) {
	status = f.Status()
	title := strings.ReplaceAll(f.Code, "_", " ")
	if title != "" {
		title = strings.ToUpper(title[:1]) + title[1:]
	}
	body, err := encode(problem{
		Type: "/problems/" + strings.ReplaceAll(f.Code, "_", "-"), Title: title, Status: status, Detail: f.Detail,
		Instance: "/function/" + x.s.run.Name + x.r.URL.EscapedPath(), Code: f.Code, Field: f.Field,
		TraceID: telemetry.TraceID(x.ctx),
	})
	if err != nil {
		body = nil
	}
	header = http.Header{"Content-Type": {"application/problem+json"}, "X-Fault": {string(f.Kind)}}
	if status == http.StatusUnauthorized {
		header.Set("WWW-Authenticate", challenge(f))
	}
	if after := retryAfter(f); after > 0 {
		header.Set("Retry-After", strconv.FormatInt(int64((after+time.Second-1)/time.Second), 10))
	}
	return status, header, body
}

// retryAfter is what f says, or a second where trying again is the whole point.
func retryAfter(f *fault.Error) time.Duration {
	if f.RetryAfter <= 0 && (f.Kind == fault.Unavailable || f.Kind == fault.Limited) {
		return time.Second
	}
	return f.RetryAfter
}

// challenge is RFC 6750's: the error is named only where a token was shown.
func challenge(f *fault.Error) string {
	switch f.Code {
	case "invalid_token", "token_expired", "session_revoked":
		return `Bearer error="invalid_token"`
	}
	return "Bearer"
}
