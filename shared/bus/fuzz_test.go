package bus

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"bazaar/shared/event"
	"bazaar/shared/fault"
)

// FuzzEncode: what a row of the outbox holds goes as the event that it is, under
// a subject of its own, or not at all.
func FuzzEncode(f *testing.F) {
	for _, text := range []string{
		`{"specversion":"1.0","id":"x","source":"/b","type":"order.paid","subject":"o","time":"2026-01-02T03:04:05Z","data":{"a":[1, 2]}}`,
		`{"specversion":"1.0","id":"x","source":"/b","type":"order.*"}`, `{"specversion":"1.0","id":"","source":"/b","type":"a"}`, "null", "[]",
		`{"specversion":"1.0","id":"x","source":"/b","type":"a\r\nPUB b 1"}`, `{"specversion":"1.0","id":"x","source":"/b","type":"a","data":"\u2028<>"}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var ev event.Event
		if json.Unmarshal(text, &ev) != nil {
			return
		}
		it, err := encode(context.Background(), ev)
		if err != nil {
			if ev.Validate() == nil && literal(ev.Type) && !fault.Is(err, "event_too_large") {
				t.Errorf("%s is refused: %v", text, err)
			}
			return
		}
		batch, err := event.DecodeBatch(join([]*item{it, it}))
		if err != nil || len(batch) != 2 {
			t.Fatalf("%s goes as %s, which is %d events, %v", text, it.body, len(batch), err)
		}
		for _, got := range batch {
			if got.ID != ev.ID || got.Type != ev.Type || got.Subject != ev.Subject || !got.Time.Equal(ev.Time) || !sameJSON(got.Data, ev.Data) {
				t.Errorf("%s goes as %+v", text, got)
			}
		}
	})
}

// sameJSON reports whether two texts are the same but for blanks and escapes.
func sameJSON(a, b []byte) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b)
	}
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return bytes.Equal(a, b)
	}
	first, err := json.Marshal(x)
	second, err2 := json.Marshal(y)
	return err == nil && err2 == nil && bytes.Equal(first, second)
}

// FuzzLiteral: a subject that we publish on is one that the server takes as it
// stands, and never a pattern.
func FuzzLiteral(f *testing.F) {
	for _, text := range []string{"order.placed", "dead.reserve-stock", "", ".", "a..b", "a.*", "a.>", "a b", "a\r\nPUB b 1", "a\x00", "é", "*", "a*b"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !literal(text) {
			return
		}
		if strings.ContainsAny(text, " \t\r\n*>") || !server.IsValidLiteralSubject(text) {
			t.Errorf("%q is no subject", text)
		}
	})
}

// FuzzVersion: the version that a stream's metadata carries is a number or none.
func FuzzVersion(f *testing.F) {
	for _, text := range []string{"1", "", "01", "-1", "+1", "99999999999999999999", "1.0", " 1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := VersionOf(map[string]string{VersionKey: text})
		if n, err := strconv.Atoi(text); got != n && !(err != nil && got == 0) {
			t.Errorf("%q is the version %d", text, got)
		}
		if again := VersionOf(map[string]string{VersionKey: strconv.Itoa(got)}); again != got {
			t.Errorf("%q is %d, and then %d", text, got, again)
		}
	})
}
