package fn

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"bazaar/shared/event"
	"bazaar/shared/fault"
	"bazaar/shared/telemetry"
)

// FuzzPreferWait: whole seconds up to ten, whatever else is preferred after it.
func FuzzPreferWait(f *testing.F) {
	for _, text := range []string{"wait=3", "respond-async, wait=4", "WAIT=5;x=y", `wait="6"`, "wait = 7", "wait=99999999999", "wait=-1", ",,;=", `wait="`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		wait := preferWait(http.Header{"Prefer": {text}})
		if wait < 0 || wait > maxWait || wait%time.Second != 0 {
			t.Errorf("%q is a wait of %s", text, wait)
		}
		if wait == 0 {
			return
		}
		plain := "wait=" + strconv.Itoa(int(wait/time.Second))
		for name, header := range map[string][]string{"alone": {plain}, "with another after it": {text + ", wait=1"}, "before another header": {text, "wait=1"}} {
			if again := preferWait(http.Header{"Prefer": header}); again != wait {
				t.Errorf("%q is %s, %s it is %s", text, wait, name, again)
			}
		}
	})
}

// FuzzCallTimeout: a caller can shorten a call and do nothing else.
func FuzzCallTimeout(f *testing.F) {
	for _, text := range []string{"2s", "150ms", "3", "1m", "0", "-5s", "99999999999999999999", "1h1ns", "1us", "+1s", ".5s"} {
		f.Add(text, int64(10*time.Second))
	}
	f.Fuzz(func(t *testing.T, text string, nanoseconds int64) {
		limit := time.Duration(nanoseconds)
		if limit <= 0 {
			return
		}
		got := callTimeout(http.Header{"X-Timeout": {text}}, limit)
		if got <= 0 || got > limit {
			t.Fatalf("%q within %s is %s", text, limit, got)
		}
		if again := callTimeout(http.Header{"X-Timeout": {got.String()}}, limit); again != got {
			t.Errorf("%q is %s, which is read as %s", text, got, again)
		}
	})
}

// FuzzQuery: what is accepted is text that a store can compare, and all that
// net/url finds in it; a limit is always one that a list can have.
func FuzzQuery(f *testing.F) {
	for _, raw := range []string{"", "q=a&limit=5", "limit=0", "limit=99999999999999999999", "limit=-1", "limit=+1", "a=%00", "a=%ff", "a;b", "a=%zz", "q=%E8%8C%B6&q=2", "=", "&&"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		query, err := readQuery(raw)
		if err != nil {
			if !fault.Is(err, "invalid_query") || fault.KindOf(err) != fault.Invalid || query != nil {
				t.Errorf("%q: %v, %v", raw, query, err)
			}
			return
		}
		for _, values := range query {
			for _, value := range values {
				if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
					t.Errorf("%q gives %q", raw, value)
				}
			}
		}
		again, err := readQuery(query.Encode())
		if err != nil || again.Encode() != query.Encode() {
			t.Errorf("%q is %v, and that is %v, %v", raw, query, again, err)
		}
		limit, err := Call{Query: query}.Limit()
		if err == nil && (limit < 1 || limit > maxLimit) || err != nil && !fault.Is(err, "invalid_limit") {
			t.Errorf("%q has the limit %d, %v", raw, limit, err)
		}
	})
}

// FuzzBearer: a token is what stands behind the one scheme, without a blank.
func FuzzBearer(f *testing.F) {
	for _, value := range []string{"Bearer abc", "bearer  abc", "Bearer", "Bearer ", "Basic abc", "Bearer a b", "", " Bearer a"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		token, err := bearer(http.Header{"Authorization": {value}})
		switch {
		case err != nil && (!fault.Is(err, "token_missing") || token != ""):
			t.Errorf("%q: %q, %v", value, token, err)
		case err == nil && (token == "" || token[0] == ' ' || !strings.HasSuffix(value, token) ||
			!strings.EqualFold(strings.TrimRight(strings.TrimSuffix(value, token), " "), "Bearer")):
			t.Errorf("%q holds the token %q", value, token)
		}
		if _, err := bearer(http.Header{"Authorization": {value, value}}); err == nil {
			t.Errorf("%q twice is accepted", value)
		}
	})
}

// FuzzCallID: what goes into the log and back is visible and short; a good one
// is the caller's own.
func FuzzCallID(f *testing.F) {
	for _, value := range []string{"", "abc", "a b", "a\nb", "é", strings.Repeat("x", 128), strings.Repeat("x", 129), "\x7f"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		id := callID(http.Header{"X-Call-Id": {value}})
		if id == "" || len(id) > 128 || !visible(id) {
			t.Errorf("%q becomes %q", value, id)
		}
		if good := value != "" && len(value) <= 128 && visible(value); good != (id == value) {
			t.Errorf("%q becomes %q", value, id)
		}
	})
}

// asked checks what a step is told: a mistake of the door is a fault of ours.
func asked(_ context.Context, c Call, _ any) (Reply, error) {
	for name, value := range c.Params {
		if !isID(value) {
			return Reply{}, errors.New("the parameter " + name + " is " + value)
		}
	}
	for _, values := range c.Query {
		for _, value := range values {
			if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
				return Reply{}, errors.New("the query holds " + value)
			}
		}
	}
	if len(c.Key) > maxKey || !visible(c.Key) || c.Wait < 0 || c.Wait > maxWait {
		return Reply{}, errors.New("the key is " + c.Key + ", the wait " + c.Wait.String())
	}
	return Reply{Body: c.Key}, nil
}

// everyDoor is a function with a route at each.
func everyDoor(f *testing.F) http.Handler {
	f.Helper()
	step := func(ctx context.Context, c Call, in cart) (Reply, error) { return asked(ctx, c, in) }
	bare := func(ctx context.Context, c Call, in None) (Reply, error) { return asked(ctx, c, in) }
	h, err := Handler("probe", Routes{
		Public("POST /{$}", Step(step)),
		Public("GET /{id}", Step(bare)),
		User(people{}.door(), "PUT /{id}/{more}", Step(step), NeedsKey()),
		User(people{}.door(), "DELETE /{id}", Step(bare), Roles("admin")),
		Raw("POST /raw", func(context.Context, RawCall) (Reply, error) { return Reply{Raw: []byte("success")}, nil }, MaxBody(100)),
		Event(signed{}, On("a.b", func(context.Context, []event.Event) ([]Failed, error) { return nil, nil })),
	})
	if err != nil {
		f.Fatal(err)
	}
	return h
}

// FuzzRequest: whatever comes over the wire as a request is answered as the
// contract says, by every door: never a redirect, never a fault of ours.
func FuzzRequest(f *testing.F) {
	batch := `[{"specversion":"1.0","id":"x","source":"/b","type":"a.b"}]`
	for _, request := range []string{
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n{\"note\":\"x\"}",
		"GET /abc?limit=3 HTTP/1.1\r\nHost: x\r\nX-Call-Id: 1\r\nTraceparent: " + traceparent + "\r\n\r\n",
		"PUT /a/b HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer u\r\nIdempotency-Key: \"k\"\r\nPrefer: wait=3\r\nX-Timeout: 5s\r\nContent-Length: 2\r\n\r\n{}",
		"DELETE /a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer u+admin\r\n\r\n",
		"POST /raw HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=1\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: " + event.ContentType + "\r\nX-Bazaar-Signature: trigger\r\nContent-Length: " + strconv.Itoa(len(batch)) + "\r\n\r\n" + batch,
		"GET //a/../%2e HTTP/1.1\r\nHost: x\r\n\r\n", "CONNECT a:1 HTTP/1.1\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", "GET http://y/%ff HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		f.Add([]byte(request))
	}
	served := everyDoor(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			return // net/http answers it
		}
		w := httptest.NewRecorder()
		served.ServeHTTP(w, r)
		answered(t, w, r.URL)
	})
}

// answered checks the form of an answer.
func answered(t *testing.T, w *httptest.ResponseRecorder, at *url.URL) {
	t.Helper()
	if id := w.Header().Get("X-Call-Id"); !strings.HasPrefix(at.Path, "/_/") && (id == "" || !visible(id)) {
		t.Errorf("answered under the id %q", id)
	}
	if at.Path != "/_/health" && at.Path != "/_/ready" {
		if _, ok := telemetry.ParseTraceParent(w.Header().Get("Traceparent")); !ok {
			t.Errorf("answered with the traceparent %q", w.Header().Get("Traceparent"))
		}
	}
	switch {
	case w.Code < 300:
		return
	case w.Code < 400 || w.Code >= 500 && w.Code != http.StatusGatewayTimeout: // which the caller may ask for
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
	var p problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Status != w.Code || p.Code == "" || p.Detail == "" || p.TraceID == "" {
		t.Errorf("answered %d %s, %v", w.Code, w.Body, err)
	}
	if kind := fault.Kind(w.Header().Get("X-Fault")); !kind.Known() || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("answered with %v", w.Header())
	}
}
