package connector

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// problem answers a call that brings "bad" with a fault, and any other well.
func problem(status int, kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), `"bad"`) {
			w.Header().Set("X-Fault", kind)
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, `{"code":"%s"}`, kind)
			return
		}
		for range strings.Count(string(body), "\n") {
			_, _ = fmt.Fprintln(w, `{"sent":{"conversation":"g","seq":7}}`)
		}
	}
}

// lines answers whatever is asked.
func lines(lines ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Join(lines, "\n")) }
}

func said(seq int) verdict { return verdict{sent: &posted{Conversation: "g", Seq: int64(seq)}} }

func no(code string, retryable bool, after time.Duration) verdict {
	return verdict{refused: refusal{code, retryable, after}}
}

// TestWhatBecomesOfLetters that one call brings: which are brought again alone,
// and what their senders hear. The letter "bad" spoils any call.
func TestWhatBecomesOfLetters(t *testing.T) {
	t.Parallel()
	away := no("unavailable", true, time.Second)
	for name, c := range map[string]struct {
		function http.HandlerFunc
		want     []verdict // of a, bad, c
		calls    int
	}{
		"one is refused": {lines(`{"sent":{"conversation":"g","seq":1}}`, `{"refused":{"kind":"denied","code":"muted","retry_after_ms":1500}}`, `{"sent":{"conversation":"g","seq":2}}`),
			[]verdict{said(1), no("muted", false, 1500*time.Millisecond), said(2)}, 1},
		"one may be stored later": {lines(`{"sent":{"conversation":"g","seq":1}}`, `{"refused":{"kind":"unavailable","code":"unavailable"}}`, `{"refused":{"kind":"odd","code":"odd"}}`),
			[]verdict{said(1), away, away}, 1},
		"one spoils all":         {problem(400, "invalid"), []verdict{said(7), no("invalid", false, 0), said(7)}, 4},
		"one is too large":       {problem(413, "too_large"), []verdict{said(7), no("too_large", false, 0), said(7)}, 4},
		"one makes it fail":      {problem(500, "internal"), []verdict{said(7), no("internal", true, time.Second), said(7)}, 4},
		"the store is away":      {problem(503, "unavailable"), []verdict{away, away, away}, 1},
		"too much":               {problem(429, "limited"), slices.Repeat([]verdict{no("limited", true, time.Second)}, 3), 1},
		"it is not there yet":    {problem(404, "not_found"), []verdict{away, away, away}, 1},
		"no answer of it":        {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400) }, []verdict{away, away, away}, 1},
		"too few verdicts":       {lines(`{"sent":{"seq":1}}`, `{"sent":{"seq":2}}`), []verdict{away, away, away}, 1},
		"too many verdicts":      {lines(`{"sent":{"seq":1}}`, `{"sent":{"seq":2}}`, `{"sent":{"seq":3}}`, `{"sent":{"seq":4}}`), []verdict{away, away, away}, 1},
		"a place that is none":   {lines(`{"sent":{"seq":1}}`, `{"sent":{"seq":0}}`, `{"sent":{"seq":3}}`), []verdict{away, away, away}, 1},
		"words that are no JSON": {lines(`yes`, `yes`, `yes`), []verdict{away, away, away}, 1},
	} {
		calls := 0
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			calls++
			if r.Method != http.MethodPost || r.URL.Path != "/function/push-message/letters" || r.Header.Get("Authorization") != "" {
				t.Errorf("%s: asked by %s %s", name, r.Method, r.URL)
			}
			c.function(w, r)
		}))
		got := newGateway(s.URL).post(t.Context(), []letter{{id: "a", draft: []byte(`{"client_msg_id":"a"}`)}, {id: "bad", draft: []byte(`{"client_msg_id":"bad"}`)}, {id: "c", draft: []byte(`{"client_msg_id":"c"}`)}})
		s.Close()
		if calls != c.calls {
			t.Errorf("%s: %d calls, want %d", name, calls, c.calls)
		}
		if !slices.EqualFunc(got, c.want, sameVerdict) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	if got := newGateway("http://127.0.0.1:1").post(t.Context(), make([]letter, 2)); !slices.EqualFunc(got, []verdict{away, away}, sameVerdict) {
		t.Errorf("nobody there: %+v", got)
	}
}

// sameVerdict leaves out why, where a message is stored.
func sameVerdict(a, b verdict) bool {
	if a.sent == nil || b.sent == nil {
		return a.sent == b.sent && a.refused == b.refused
	}
	return *a.sent == *b.sent
}

func TestLettersAreLines(t *testing.T) {
	t.Parallel()
	got := string(lettersBody([]letter{
		{token: "a.b.c", socket: "n-1", draft: []byte(`{"client_msg_id":"m","body":{"text":"x"}}`)},
		{token: "d.e.f", socket: "n-2", draft: []byte(`{}`)},
	}))
	want := `{"token":"a.b.c","socket":"n-1","message":{"client_msg_id":"m","body":{"text":"x"}}}
{"token":"d.e.f","socket":"n-2","message":{}}
`
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}
