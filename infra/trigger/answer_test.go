package trigger

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"bazaar/shared/fault"
)

func response(status int, contentType, body string, header ...string) *http.Response {
	h := http.Header{"Content-Type": {contentType}}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

func TestReadAnswer(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	a := readAnswer(response(200, "application/json", `{"failed":[{"id":"a","kind":"invalid","detail":"no"}],"more":1}`), now)
	if len(a.Failed) != 1 || a.Failed[0] != (Failure{"a", fault.Invalid, "no"}) || a.Garbled != nil {
		t.Errorf("answer %+v", a)
	}
	for name, body := range map[string]string{
		"nothing": "", "an empty object": "{}", "no failures": `{"failed":[]}`, "null": `{"failed":null}`,
		"another array": "[1]", "a text": `"ok"`, "blanks": " \n{}\n",
	} {
		if a := readAnswer(response(200, "application/json; charset=utf-8", body), now); a.Garbled != nil || len(a.Failed) != 0 {
			t.Errorf("%s: %+v", name, a)
		}
	}
	for name, body := range map[string]string{
		"cut off": `{"failed":[{"id":"a"`, "two values": `{} {}`, "no id": `{"failed":[{"kind":"invalid"}]}`,
		"no list": `{"failed":{"id":"a"}}`, "no JSON": "ok", "endless": strings.Repeat(" ", answerLimit+1),
	} {
		if a := readAnswer(response(200, "application/json", body), now); a.Garbled == nil {
			t.Errorf("%s is taken for an answer: %+v", name, a)
		}
	}
	if a := readAnswer(response(200, "text/plain", "ok"), now); a.Garbled != nil {
		t.Errorf("a text is garbled: %+v", a)
	}
	a = readAnswer(response(503, "application/problem+json", `{"code":"unavailable","detail":"Later."}`,
		"X-Fault", "unavailable", "Retry-After", "3"), now)
	if a.Fault != fault.Unavailable || a.RetryAfter != 3*time.Second || a.Detail != "unavailable: Later." {
		t.Errorf("answer %+v", a)
	}
	for text, want := range map[string]time.Duration{
		"": 0, "soon": 0, "-1": 0, "0": 0, "10": 10 * time.Second, "99999999": time.Hour,
		"Fri, 02 Jan 2026 03:04:15 GMT": 10 * time.Second, "Fri, 02 Jan 2026 03:00:00 GMT": 0,
	} {
		if got := parseRetryAfter(text, now); got != want {
			t.Errorf("Retry-After %q is %s, want %s", text, got, want)
		}
	}
}

// A success is read as one only when all of it was understood.
func FuzzReadAnswer(f *testing.F) {
	f.Add(200, "application/json", `{"failed":[{"id":"a","kind":"invalid"}]}`, "internal", "3")
	f.Add(503, "text/plain", "x", "", "Fri, 02 Jan 2026 03:04:15 GMT")
	f.Fuzz(func(t *testing.T, status int, contentType, body, kind, after string) {
		a := readAnswer(response(status, contentType, body, "X-Fault", kind, "Retry-After", after), time.Now())
		if a.RetryAfter < 0 || a.RetryAfter > time.Hour {
			t.Errorf("Retry-After %s", a.RetryAfter)
		}
		v := Judge(a, []string{"a", "b"})
		if !v.Halve && len(v.Fates) != 2 {
			t.Errorf("verdict %+v", v)
		}
		if v.Name == "done" && (a.Status/100 != 2 || len(a.Failed) > 0 || a.Garbled != nil) {
			t.Errorf("%+v is taken for success", a)
		}
	})
}
