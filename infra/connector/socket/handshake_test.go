package socket

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// without is the usual request, less the line that begins so.
func without(line string) []byte {
	var kept []string
	for _, l := range strings.Split(strings.TrimSuffix(string(asked()), "\r\n\r\n"), "\r\n") {
		if !strings.HasPrefix(l, line) {
			kept = append(kept, l)
		}
	}
	return []byte(strings.Join(kept, "\r\n") + "\r\n\r\n")
}

// changed is the usual request with one text in place of another.
func changed(from, to string) []byte { return bytes.Replace(asked(), []byte(from), []byte(to), 1) }

// refused is a request and how it is answered.
type refused struct {
	name   string
	send   []byte
	status string
	says   string // in the head of the answer
}

// unfit are requests that are HTTP, but not for a WebSocket of ours.
func unfit() []refused {
	return []refused{
		{"another path", changed(testPath, "/v1/wss"), "404", ""},
		{"a longer path", changed(testPath, testPath+"/"), "404", ""},
		{"an escaped path", changed(testPath, "/v1%2fws"), "404", ""},
		{"another path with a query", changed(testPath, "/?a=b"), "404", ""},
		{"a token in the address", changed(testPath, testPath+"?token=secret"), "400", ""},
		{"an empty query", changed(testPath, testPath+"?"), "400", ""},
		{"POST", changed("GET", "POST"), "405", "Allow: GET\r\n"},
		{"lower case", changed("GET", "get"), "405", ""},
		{"no upgrade", without("Upgrade:"), "426", "Upgrade: websocket\r\n"},
		{"another upgrade", changed("Upgrade: websocket", "Upgrade: h2c"), "426", ""},
		{"no connection upgrade", without("Connection:"), "400", ""},
		{"connection: close", changed("Connection: Upgrade", "Connection: close"), "400", ""},
		{"no version", without("Sec-WebSocket-Version:"), "400", ""},
		{"version 8", changed("Version: 13", "Version: 8"), "426", "Sec-WebSocket-Version: 13\r\n"},
		{"version 013", changed("Version: 13", "Version: 013"), "426", ""},
		{"two versions", asked("Sec-WebSocket-Version: 8"), "400", ""},
		{"no key", without("Sec-WebSocket-Key:"), "400", ""},
		{"an empty key", changed(testKey, ""), "400", ""},
		{"a key of 15 bytes", changed(testKey, "AAAAAAAAAAAAAAAAAAAA"), "400", ""},
		{"a key of 17 bytes", changed(testKey, "AAAAAAAAAAAAAAAAAAAAAAA="), "400", ""},
		{"a key of 24 that are not base64", changed(testKey, "!!!!!!!!!!!!!!!!!!!!!!!!"), "400", ""},
		{"two keys", asked("Sec-WebSocket-Key: " + testKey), "400", ""},
		{"no host", without("Host:"), "400", ""},
		{"an empty host", changed("chat.example", ""), "400", ""},
		{"two hosts", asked("Host: chat.example"), "400", ""},
		{"two origins", asked("Origin: http://chat.example", "Origin: http://chat.example"), "400", ""},
		{"HTTP/1.0", changed("HTTP/1.1", "HTTP/1.0"), "505", ""},
		{"HTTP/1.2", changed("HTTP/1.1", "HTTP/1.2"), "505", ""},
		{"HTTP/2", changed("HTTP/1.1", "HTTP/2.0"), "505", ""},
		{"another subprotocol", asked("Sec-WebSocket-Protocol: chat"), "400", ""},
		{"a subprotocol that begins like ours", asked("Sec-WebSocket-Protocol: " + testProtocol + "x, x" + testProtocol), "400", ""},
		{"an empty subprotocol", asked("Sec-WebSocket-Protocol:"), "400", ""},
		{"a body", asked("Content-Length: 5"), "400", ""},
		{"a body in chunks", asked("Transfer-Encoding: chunked"), "400", ""},
	}
}

// unreadable are requests that are no HTTP, or too much of it.
func unreadable() []refused {
	return []refused{
		{"a bare newline", changed("chat.example\r\n", "chat.example\n"), "400", ""},
		{"bare newlines", bytes.ReplaceAll(asked(), []byte("\r\n"), []byte("\n")), "400", ""},
		{"a return within a line", changed("chat.example", "chat.\rexample"), "400", ""},
		{"a null byte", changed("chat.example", "chat.\x00example"), "400", ""},
		{"a blank before the colon", changed("Host:", "Host :"), "400", ""},
		{"a folded line", asked("X: a", " b"), "400", ""},
		{"a line without a colon", asked("nothing"), "400", ""},
		{"a field without a name", asked(": x"), "400", ""},
		{"two blanks in the first line", changed("GET ", "GET  "), "400", ""},
		{"a blank in the path", changed(testPath, testPath+" x"), "400", ""},
		{"no protocol", changed(" HTTP/1.1", ""), "400", ""},
		{"TLS", []byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n"), "400", ""},
		{"nothing", []byte("\r\n\r\n"), "400", ""},
		{"101 fields", asked(strings.Split(strings.Repeat("X: y,", 96), ",")[:96]...), "431", ""},
		{"9 KiB", asked("Cookie: " + strings.Repeat("x", 9<<10)), "431", ""},
		{"8 KiB without an end", bytes.Repeat([]byte("x"), 8<<10), "431", ""},
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	t.Parallel()
	r := serve(t, nil)
	for _, c := range slices.Concat(unfit(), unreadable()) {
		peer := r.dial(t, 0)
		peer.utter(c.send)
		head := peer.head()
		if !strings.HasPrefix(head, "HTTP/1.1 "+c.status+" ") || !strings.Contains(head, c.says) || !strings.Contains(head, "close") {
			t.Errorf("%s: answered %q, want %s with %q", c.name, head, c.status, c.says)
		}
		if _, err := io.ReadAll(peer.r); err != nil {
			t.Errorf("%s: after the answer came %v", c.name, err)
		}
		_ = peer.Close()
		if o := await(t, r.outcomes); o != Wrong {
			t.Errorf("%s counts as %s", c.name, o)
		}
	}
	if n := r.server.Sockets(); n != 0 {
		t.Errorf("%d sockets are open", n)
	}
}

func TestRequestsThatAreGranted(t *testing.T) {
	t.Parallel()
	r := serve(t, func(s *Settings) { s.Origins = []string{"https://shop.example"} })
	ours := "Sec-WebSocket-Protocol: " + testProtocol + "\r\n"
	cases := []struct {
		name string
		send []byte
		want string // in the head of the answer
		not  string
	}{
		{"as it is", asked(), "Sec-WebSocket-Accept: " + testAccept + "\r\n", "Sec-WebSocket-Protocol"},
		{"lower case", changed("Host: chat.example\r\nUpgrade: websocket\r\nConnection: Upgrade", "host: chat.example\r\nupgrade: websocket\r\nconnection: upgrade"), "", ""},
		{"upper case", changed("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key", "UPGRADE: WEBSOCKET\r\nCONNECTION: UPGRADE\r\nSEC-WEBSOCKET-KEY"), "", ""},
		{"our subprotocol", asked(strings.TrimSpace(ours)), ours, ""},
		{"our subprotocol among others", asked("Sec-WebSocket-Protocol: a, b ," + testProtocol), ours, ""},
		{"our subprotocol in another line", asked("Sec-WebSocket-Protocol: a", "sec-websocket-protocol: "+testProtocol), ours, ""},
		{"extensions", asked("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"), "", "Extensions"},
		{"keep-alive too", changed("Connection: Upgrade", "Connection: keep-alive, upgrade"), "", ""},
		{"blanks around values", changed("Host: chat.example", "Host: \t chat.example \t"), "", ""},
		{"an empty body", asked("Content-Length: 0"), "", ""},
		{"a long cookie", asked("Cookie: " + strings.Repeat("x", 7<<10)), "", ""},
		{"from our own page", asked("Origin: http://chat.example"), "", ""},
		{"from a page that may", asked("Origin: https://shop.example"), "", ""},
	}
	for _, c := range cases {
		for _, piece := range []int{len(c.send), 1} {
			peer := r.dial(t, 0)
			// The first message comes with the request: it must not be lost.
			for rest := append(bytes.Clone(c.send), says("early "+c.name)...); len(rest) > 0; {
				n := min(piece, len(rest))
				peer.say(rest[:n])
				rest = rest[n:]
			}
			head := peer.head()
			if !strings.HasPrefix(head, "HTTP/1.1 101 ") || !strings.Contains(head, c.want) || c.not != "" && strings.Contains(head, c.not) {
				t.Fatalf("%s: answered %q", c.name, head)
			}
			if got := await(t, r.texts); got != "early "+c.name {
				t.Errorf("%s: heard %q", c.name, got)
			}
			_ = peer.Close()
			if o := await(t, r.outcomes); o != Opened {
				t.Errorf("%s counts as %s", c.name, o)
			}
		}
	}
}

func TestAPageThatMayNotConnect(t *testing.T) {
	t.Parallel()
	r := serve(t, func(s *Settings) { s.Origins = []string{"https://shop.example"} })
	for _, from := range []string{"https://evil.example", "null", "", "http://shop.example", "https://shop.example.evil.example"} {
		peer := r.dial(t, 0)
		peer.say(append(asked("Origin: "+from), says("early")...))
		// The upgrade is made, or the page could not tell why.
		if head := peer.head(); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
			t.Errorf("%q: answered %q", from, head)
		}
		peer.hearsClose(ForeignOrigin)
		if o := await(t, r.outcomes); o != Foreign {
			t.Errorf("%q counts as %s", from, o)
		}
	}
	if len(r.opened) > 0 || len(r.texts) > 0 || len(r.ended) > 0 {
		t.Error("the handler was told of one")
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	allowed, err := parseOrigins([]string{"https://good.example", "http://dev.example:3000", "http://[::1]:8090"})
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		origin, host string
		want         bool
	}{
		{"https://good.example", "chat.example", true},
		{"https://good.example:443", "chat.example", true},
		{"HTTPS://GOOD.example", "chat.example", true},
		{"http://good.example", "chat.example", false},
		{"https://good.example:8443", "chat.example", false},
		{"https://evil.example", "chat.example", false},
		{"https://evilgood.example", "chat.example", false},
		{"https://www.good.example", "chat.example", false},
		{"https://good.example.evil.example", "chat.example", false},
		{"https://good.example.", "chat.example", false},
		{"https://good.example@evil.example", "chat.example", false},
		{"https://evil.example/good.example", "chat.example", false},
		{"https://good.example/", "chat.example", false},
		{"https://good.example?", "chat.example", false},
		{"https://good.example#", "chat.example", false},
		{"https://good.example:", "chat.example", false},
		{"https://good.example https://evil.example", "chat.example", false},
		{"https://good%2eexample", "chat.example", false},
		{"http://%C3%A4.example", "\u00e4.example", false},
		{"null", "chat.example", false},
		{"null", "null", false},
		{"", "chat.example", false},
		{"//good.example", "chat.example", false},
		{"file://good.example", "good.example", false},
		{"chrome-extension://good.example", "good.example", false},
		{"http://dev.example:3000", "chat.example", true},
		{"http://dev.example", "chat.example", false},
		{"http://[::1]:8090", "chat.example", true},
		{"http://[0:0::1]:8090", "chat.example", true},
		{"http://chat.example", "chat.example", true},
		{"http://chat.example", "CHAT.example:80", true},
		{"https://chat.example", "chat.example", true}, // TLS ends in front of us
		{"https://chat.example", "chat.example:443", true},
		{"https://chat.example:8443", "chat.example:8443", true},
		{"http://chat.example", "chat.example:8090", false},
		{"http://chat.example:8090", "chat.example", false},
		{"http://chat.example:8091", "chat.example:8090", false},
		{"http://127.0.0.1:8090", "127.0.0.1:8090", true},
		{"http://localhost:8090", "127.0.0.1:8090", false},
		{"http://chat.example", "chat.example/x", false},
		{"http://chat.example", "x@chat.example", false},
	}
	for _, c := range cases {
		if got := allowed.admit(c.origin, c.host); got != c.want {
			t.Errorf("a page of %q at %q: %v", c.origin, c.host, got)
		}
	}
}

func TestSettingsThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]Settings{
		"no path": {Protocol: "x"}, "half a path": {Path: "ws", Protocol: "x"}, "no protocol": {Path: "/"},
		"a negative limit": {Path: "/", Protocol: "x", MaxSockets: -1}, "a negative timeout": {Path: "/", Protocol: "x", WriteTimeout: -1},
		"no origin": {Path: "/", Protocol: "x", Origins: []string{"good.example"}}, "any origin": {Path: "/", Protocol: "x", Origins: []string{"*"}},
	} {
		if _, err := New(set, nil, nil); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// TestAnotherCodec talks to a library that is not ours.
func TestAnotherCodec(t *testing.T) {
	t.Parallel()
	r := serve(t, nil)
	r.onText = func(s *Socket, message []byte) { s.Offer(Text(message, []byte("heard")), Answer) }
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, _, err := websocket.Dial(ctx, "ws://"+r.address+testPath, &websocket.DialOptions{
		Subprotocols: []string{testProtocol}, CompressionMode: websocket.CompressionContextTakeover,
		HTTPHeader: http.Header{"Origin": {"http://" + r.address}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.CloseNow() }()
	if c.Subprotocol() != testProtocol {
		t.Errorf("speaks %q", c.Subprotocol())
	}
	c.SetReadLimit(1 << 20)
	for _, text := range []string{"", "x", strings.Repeat("ä", 1<<15)} {
		if err := c.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if kind, got, err := c.Read(ctx); err != nil || kind != websocket.MessageText || string(got) != text+"\nheard" {
			t.Fatalf("read %v %.40q, %v", kind, got, err)
		}
	}
	alive := c.CloseRead(ctx)
	if err := c.Ping(alive); err != nil {
		t.Errorf("pinging: %v", err)
	}
	if err := c.Close(websocket.StatusGoingAway, "so long"); err != nil {
		t.Errorf("closing: %v", err)
	}
	if end := await(t, r.ended); end.code != GoingAway || end.err != nil {
		t.Errorf("ended with %d, %v", end.code, end.err)
	}
}

// flaky is a listener that fails as one does without descriptors.
type flaky struct {
	net.Listener
	failures chan error
}

func (f flaky) Accept() (net.Conn, error) {
	select {
	case err := <-f.failures:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", err)}
	default:
		return f.Listener.Accept()
	}
}

func TestAcceptingGoesOnAfterFailures(t *testing.T) {
	t.Parallel()
	failures := []error{syscall.EMFILE, syscall.ENFILE, syscall.ECONNABORTED, syscall.ENOBUFS, syscall.EMFILE}
	queue := make(chan error, len(failures))
	for _, err := range failures {
		queue <- err
	}
	began := time.Now()
	r := serve(t, nil, func(l net.Listener) net.Listener { return flaky{l, queue} })
	for _, want := range failures {
		if got := await(t, r.counter.failures); !errors.Is(got, want) {
			t.Errorf("heard of %v, want %v", got, want)
		}
	}
	r.open(t)
	// 5, 10, 20, 40 and 80 ms: it does not spin.
	if took := time.Since(began); took < 155*time.Millisecond {
		t.Errorf("five failures took %v", took)
	}
}

func TestAClosedListenerIsAnError(t *testing.T) {
	t.Parallel()
	v, err := New(Settings{Path: "/", Protocol: "x"}, &recorder{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if err := v.Serve(context.Background(), l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("serving with it: %v", err)
	}
}
