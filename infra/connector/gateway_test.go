package connector

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"bazaar/infra/connector/socket"
)

func TestWhyAMessageWasNotStored(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault, body, after string
		err                error
		want               refusal
	}{
		"a fault of the message":  {fault: "not_found", body: `{"code":"not_found"}`, want: refusal{code: "not_found"}},
		"to be tried later":       {fault: "denied", body: `{"code":"muted"}`, after: "60", want: refusal{code: "muted", after: time.Minute}},
		"a store that is away":    {fault: "unavailable", body: `{"code":"unavailable"}`, after: "2", want: refusal{"unavailable", true, 2 * time.Second}},
		"too much":                {fault: "limited", body: `{"code":"limited"}`, want: refusal{"limited", true, time.Second}},
		"a fault without a code":  {fault: "internal", body: `no`, want: refusal{"internal", true, time.Second}},
		"no answer of a function": {body: `<html>`, want: refusal{"unavailable", true, time.Second}},
		"no answer":               {err: errors.New("reset"), want: refusal{"unavailable", true, time.Second}},
		"a wait without end":      {fault: "denied", body: `{"code":"muted"}`, after: "999999999", want: refusal{code: "muted", after: time.Hour}},
	} {
		a := answer{header: http.Header{}, body: []byte(c.body)}
		if c.fault != "" {
			a.header.Set("X-Fault", c.fault)
		}
		if c.after != "" {
			a.header.Set("Retry-After", c.after)
		}
		if got := a.refusal(c.err); got != c.want {
			t.Errorf("%s: %+v, not %+v", name, got, c.want)
		}
	}
}

func TestLinesAreJSON(t *testing.T) {
	t.Parallel()
	const odd = "a\"b\n\xff"
	for want, line := range map[string][]byte{
		"hello":    helloLine(odd, time.Second),
		"ready":    readyLine(odd, at(0), map[string]int64{"b": 2, odd: 1}),
		"ping":     pingLine(map[string]int64{"b": 2}),
		"pong":     pongLine(),
		"hint":     hintLine(odd, 3),
		"typing":   typingLine(odd, odd),
		"bye":      byeLine(socket.Draining, time.Second),
		"error":    errorLine(odd, odd),
		"event":    goneLine("g", "u", "", 1, 2),
		"sent":     sentLine(odd, posted{Conversation: odd, Seq: 1, Duplicate: true}),
		"refused":  refusedLine(odd, refusal{odd, true, time.Second}),
		"ping but": nil,
	} {
		if line == nil {
			line, want = pingLine(nil), "ping"
		}
		var l map[string]any
		if err := json.Unmarshal(line, &l); err != nil || l["t"] != want {
			t.Errorf("%s: %v", line, err)
		}
		for _, c := range line {
			if c == '\n' {
				t.Errorf("%q is more than one line", line)
			}
		}
	}
}
