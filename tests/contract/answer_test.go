package contract_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

var client = &http.Client{
	Timeout:   30 * time.Second,
	Transport: &http.Transport{MaxIdleConnsPerHost: 64},
}

// person calls functions; without a token, as a stranger.
type person struct {
	house *house
	token string
}

// header is a name and a value.
type header [2]string

func key(k string) header { return header{"Idempotency-Key", k} }

// answer is what a call got. path is the call's, without its query.
type answer struct {
	path   string
	status int
	header http.Header
	body   []byte
}

// call calls a function: path is <name>[/path]. A body is nil, a string or
// bytes that are sent as they are, a reader of unknown length, or encoded.
func (p person) call(t testing.TB, method, path string, body any, headers ...header) answer {
	t.Helper()
	a, err := p.try(method, path, body, headers...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

func (p person) try(method, path string, body any, headers ...header) (answer, error) {
	payload, err := payloadOf(body)
	if err != nil {
		return answer{}, err
	}
	if p.token != "" {
		headers = append([]header{{"Authorization", "Bearer " + p.token}}, headers...)
	}
	return send(method, p.house.Gateway+"/function/"+path, payload, headers...)
}

func payloadOf(body any) (io.Reader, error) {
	switch b := body.(type) {
	case nil:
		return nil, nil
	case string:
		return strings.NewReader(b), nil
	case []byte:
		return bytes.NewReader(b), nil
	case io.Reader:
		return b, nil
	}
	encoded, err := json.Marshal(body)
	return bytes.NewReader(encoded), err
}

func send(method, url string, body io.Reader, headers ...header) (answer, error) {
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		req.Header.Set(h[0], h[1])
	}
	res, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	content, err := io.ReadAll(res.Body)
	path := strings.TrimPrefix(req.URL.EscapedPath(), "/function/")
	return answer{path: path, status: res.StatusCode, header: res.Header, body: content}, err
}

// into decodes the JSON of an answer that must have this status.
func (a answer) into(t testing.TB, status int, v any) {
	t.Helper()
	if a.status != status {
		t.Fatalf("%s: status %d, want %d: %s", a.path, a.status, status, a.body)
	}
	if kind := a.header.Get("Content-Type"); status != 204 && kind != "application/json" {
		t.Errorf("%s: the answer is %s, not JSON", a.path, kind)
	}
	if v == nil {
		return
	}
	strict := json.NewDecoder(bytes.NewReader(a.body))
	strict.DisallowUnknownFields() // the contract names every field
	if err := strict.Decode(v); err != nil {
		t.Fatalf("%s: %v: %s", a.path, err, a.body)
	}
}

// problem is an error's answer (RFC 9457).
type problem struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Instance string `json:"instance"`
	Code     string `json:"code"`
	Field    string `json:"field"`
	TraceID  string `json:"trace_id"`
}

// kinds are the X-Fault of a status; a 4xx that is not here is invalid.
func kinds() map[int]string {
	return map[int]string{
		401: "unauthenticated", 403: "denied", 404: "not_found", 408: "timeout", 409: "conflict", 413: "too_large",
		422: "mismatch", 429: "limited", 503: "unavailable", 504: "timeout",
	}
}

// internals are words that no stranger has to read: of stores, of Go, of SQL.
var internals = regexp.MustCompile(`(?i)pgx|sqlstate|postgres|redis|jetstream|nats:|goroutine|\.go:|panic|main\.|dial tcp|json:|int64|context |nil pointer|select .* from`)

// fails checks everything that is the same in all problems, and gives it.
func (a answer) fails(t testing.TB, status int, code string) problem {
	t.Helper()
	var p problem
	strict := json.NewDecoder(bytes.NewReader(a.body))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&p); err != nil || a.status != status || p.Status != status || p.Code != code {
		t.Errorf("%s: answered %d %s, want %d %s (%v)", a.path, a.status, a.body, status, code, err)
		return p
	}
	kind := kinds()[status]
	if kind == "" {
		kind = "invalid"
	}
	if a.header.Get("Content-Type") != "application/problem+json" || a.header.Get("X-Fault") != kind {
		t.Errorf("%s %s: Content-Type %q, X-Fault %q", a.path, code, a.header.Get("Content-Type"), a.header.Get("X-Fault"))
	}
	if p.Type != "/problems/"+strings.ReplaceAll(code, "_", "-") || p.Title == "" {
		t.Errorf("%s %s: type %q, title %q", a.path, code, p.Type, p.Title)
	}
	if strings.TrimSuffix(p.Instance, "/") != strings.TrimSuffix("/function/"+a.path, "/") {
		t.Errorf("%s %s: instance %q", a.path, code, p.Instance)
	}
	if trace := strings.Split(a.header.Get("Traceparent"), "-"); len(trace) != 4 || trace[1] != p.TraceID || len(p.TraceID) != 32 {
		t.Errorf("%s %s: trace_id %q, traceparent %q", a.path, code, p.TraceID, a.header.Get("Traceparent"))
	}
	if a.header.Get("X-Call-Id") == "" {
		t.Errorf("%s %s: no X-Call-Id", a.path, code)
	}
	if !strings.HasSuffix(p.Detail, ".") || internals.MatchString(p.Detail+p.Title) {
		t.Errorf("%s %s: the sentence is %q", a.path, code, p.Detail)
	}
	a.invites(t, status, code)
	return p
}

// invites checks the headers that tell a caller what to do next.
func (a answer) invites(t testing.TB, status int, code string) {
	t.Helper()
	again := code == "order_pending" || code == "idempotency_key_in_progress" || code == "muted" || status == 429 || status == 503
	if after := a.header.Get("Retry-After"); (after != "") != again && code != "order_not_payable" {
		t.Errorf("%s %s: Retry-After is %q", a.path, code, after)
	}
	if challenge := a.header.Get("Www-Authenticate"); strings.HasPrefix(challenge, "Bearer") != (status == 401) {
		t.Errorf("%s %s: WWW-Authenticate is %q", a.path, code, challenge)
	}
	if allow := a.header.Get("Allow"); (allow != "") != (status == 405) {
		t.Errorf("%s %s: Allow is %q", a.path, code, allow)
	}
}

// replayed checks that a is first again.
func (a answer) replayed(t testing.TB, first answer) {
	t.Helper()
	if a.status != first.status || !bytes.Equal(a.body, first.body) || a.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("%s: answered %d %s (Idempotent-Replayed %q), want %d %s again", a.path, a.status, a.body,
			a.header.Get("Idempotent-Replayed"), first.status, first.body)
	}
	if first.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("%s: the first answer says that it is replayed", a.path)
	}
}
