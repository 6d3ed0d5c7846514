package socket

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"
)

// FuzzUpgrade: whoever is let in is let in by another reader of HTTP too, which
// sees the same request, and every answer is one answer.
func FuzzUpgrade(f *testing.F) {
	for _, c := range append(unfit(), unreadable()...) {
		if len(c.send) < 1000 {
			f.Add(c.send)
		}
	}
	f.Add(asked("Sec-WebSocket-Protocol: a, " + testProtocol))
	f.Add(asked("Origin: http://chat.example", "Sec-WebSocket-Extensions: permessage-deflate; a=\"b\""))
	v, err := New(Settings{Path: testPath, Protocol: testProtocol}, nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		if headEnd(head, 0) != len(head) || len(head) > maxRequestBytes {
			return // it is not what readRequest gives
		}
		answer := []byte(nil)
		r, err := parseRequest(head)
		if err == nil {
			answer, err = v.upgrade(head, r)
		}
		var refused *refusal
		switch {
		case errors.Is(err, errMalformed):
			return
		case errors.As(err, &refused):
			answer = refused.answer()
		case err != nil:
			t.Fatalf("%q is met with %v, which is no answer", head, err)
		default:
			seen, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
			if err != nil || seen.Method != http.MethodGet || seen.RequestURI != testPath || seen.Host != r.all("Host")[0] ||
				!strings.EqualFold(seen.Header.Get("Upgrade"), "websocket") || len(seen.Header["Sec-Websocket-Key"]) != 1 || seen.ContentLength != 0 {
				t.Errorf("%q is let in, and another sees %+v, %v", head, seen, err)
			}
		}
		rest := bufio.NewReader(bytes.NewReader(answer))
		said, err := http.ReadResponse(rest, nil)
		if err != nil || (refused == nil) != (said.StatusCode == http.StatusSwitchingProtocols) || refused != nil && said.StatusCode < 400 {
			t.Fatalf("%q is answered %q, %v", head, answer, err)
		}
		if p := said.Header["Sec-Websocket-Protocol"]; len(p) > 1 || len(p) == 1 && p[0] != testProtocol || len(said.Header["Sec-Websocket-Extensions"]) > 0 {
			t.Errorf("%q is answered %q", head, answer)
		}
	})
}

// FuzzOrigin: an origin that is understood has one form, which is understood as
// the same, and no other that is shown at this host is let in.
func FuzzOrigin(f *testing.F) {
	for _, s := range []string{"http://a", "https://good.example:443", "http://[::1]:80", "null", "http://a@b", "http://a/", "HTTP://A:080", "http://a:", "http://%41", "http://[fe80::1%25a]"} {
		f.Add(s, "good.example")
		f.Add("http://good.example", s)
	}
	allowed, err := parseOrigins([]string{"https://good.example"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, given, host string) {
		o, ok := parseOrigin(given)
		if !ok {
			if allowed.admit(given, host) {
				t.Errorf("%q is let in at %q, and is no origin", given, host)
			}
			return
		}
		form := o.scheme + "://" + o.host + ":" + o.port
		if strings.Contains(o.host, ":") {
			form = o.scheme + "://[" + o.host + "]:" + o.port
		}
		if again, ok := parseOrigin(form); !ok || again != o {
			t.Errorf("%q is %+v, and then %+v, %v", given, o, again, ok)
		}
		at := strings.ToLower(host)
		if allowed.admit(given, host) && form != "https://good.example:443" && at != o.host && at != strings.TrimPrefix(form, o.scheme+"://") && !strings.Contains(host, "[") && !strings.Contains(host, ":0") {
			t.Errorf("%q is let in at %q", given, host)
		}
	})
}
