package fn

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"bazaar/shared/fault"
)

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("k", 255)
	for value, want := range map[string]string{
		"abc": "abc", `"abc"`: "abc", `  "abc"`: "abc", `"a\"b\\c"`: `a"b\c`, `"abc";v=1`: "abc", long: long, `"` + long + `"`: long,
		"8e03978e-40d5-43e8-bc93-6894a57f9324": "8e03978e-40d5-43e8-bc93-6894a57f9324", "a,b;c=d": "a,b;c=d", "~!{}": "~!{}",
	} {
		got, err := idempotencyKey(http.Header{"Idempotency-Key": {value}})
		if err != nil || got != want {
			t.Errorf("%s: %q, %v", value, got, err)
		}
	}
	for _, value := range []string{
		"", " ", `""`, "a b", `"a b"`, "ä", "\"ä\"", "a\tb", "a\x00b", "a\x7f", `"abc`, `"a"b"`, `"a" "b"`, `"a\n"`, long + "k", `"` + long + `k"`,
	} {
		if got, err := idempotencyKey(http.Header{"Idempotency-Key": {value}}); !fault.Is(err, "idempotency_key_invalid") || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %q, %v", value, got, err)
		}
	}
	if _, err := idempotencyKey(http.Header{"Idempotency-Key": {"a", "a"}}); !fault.Is(err, "idempotency_key_invalid") {
		t.Errorf("two headers: %v", err)
	}
	if _, err := idempotencyKey(http.Header{}); !fault.Is(err, "idempotency_key_missing") || fault.KindOf(err) != fault.Invalid {
		t.Errorf("none: %v", err)
	}
}

func FuzzIdempotencyKey(f *testing.F) {
	for _, value := range []string{"abc", `"abc"`, `"a\"`, `"abc";v=?1`, ":YWJj:", "?1", "", `"`, `"";`, "\"\x7f\""} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		key, err := idempotencyKey(http.Header{"Idempotency-Key": {value}})
		if err != nil {
			if !fault.Is(err, "idempotency_key_invalid") || key != "" {
				t.Errorf("%q: %q, %v", value, key, err)
			}
			return
		}
		if len(key) < 1 || len(key) > 255 || !visible(key) || len(key) > len(value) {
			t.Errorf("%q is the key %q", value, key)
		}
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"`
		if again, err := idempotencyKey(http.Header{"Idempotency-Key": {quoted}}); err != nil || again != key {
			t.Errorf("%q is the key %q, which is %q in quotes, %v", value, key, again, err)
		}
	})
}

func TestPreferWait(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"wait=3": 3 * time.Second, "respond-async, wait=4": 4 * time.Second, "WAIT=5;x=y": 5 * time.Second, `wait="6"`: 6 * time.Second,
		"wait = 7": 7 * time.Second, "wait=3600": 10 * time.Second, "wait=2, wait=9": 2 * time.Second,
		"": 0, "wait": 0, "wait=": 0, "wait=-1": 0, "wait=1.5": 0, "wait=soon": 0, "wait=99999999999999": 0, "waiting=5": 0, ",,;=": 0,
	} {
		if got := preferWait(http.Header{"Prefer": {text}}); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if got := preferWait(http.Header{"Prefer": {"respond-async", "wait=1"}}); got != time.Second {
		t.Errorf("two headers: %s", got)
	}
}

func TestCallTimeout(t *testing.T) {
	t.Parallel()
	const limit = 10 * time.Second
	for text, want := range map[string]time.Duration{
		"2s": 2 * time.Second, "150ms": 150 * time.Millisecond, "3": 3 * time.Second, "1m": limit, "60": limit,
		"": limit, "0": limit, "-5s": limit, "soon": limit, "99999999999999999999": limit, "0s": limit,
	} {
		if got := callTimeout(http.Header{"X-Timeout": {text}}, limit); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if got := callTimeout(http.Header{}, limit); got != limit {
		t.Errorf("none: %s", got)
	}
}
