package web

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

func config() Config {
	return Config{Sockets: []string{"ws://127.0.0.1:8090/v1/ws", "wss://chat.example:8443/v1/ws"}, API: "/function"}
}

func handler(t *testing.T) http.Handler {
	t.Helper()
	h, err := Handler(config())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func ask(h http.Handler, method, target string, header http.Header) *http.Response {
	r := httptest.NewRequest(method, "http://shop.example/", nil)
	r.URL.Path = target
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) []byte {
	t.Helper()
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestFilesAreServedAsWhatTheyAre(t *testing.T) {
	t.Parallel()
	h := handler(t)
	for target, want := range map[string]struct{ kind, file string }{
		"":          {"text/html; charset=utf-8", "index.html"},
		"/":         {"text/html; charset=utf-8", "index.html"},
		"/app.js":   {"text/javascript; charset=utf-8", "app.js"},
		"/app.css":  {"text/css; charset=utf-8", "app.css"},
		"/icon.svg": {"image/svg+xml", "icon.svg"},
	} {
		r := ask(h, http.MethodGet, target, nil)
		file, err := os.ReadFile(filepath.Join("page", want.file))
		if err != nil {
			t.Fatal(err)
		}
		if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != want.kind || !bytes.Equal(body(t, r), file) {
			t.Errorf("%q: %s, %s, want %s of %s", target, r.Status, r.Header.Get("Content-Type"), want.kind, want.file)
		}
		head := ask(h, http.MethodHead, target, nil)
		if head.StatusCode != http.StatusOK || len(body(t, head)) != 0 || head.Header.Get("Content-Length") != r.Header.Get("Content-Length") {
			t.Errorf("HEAD %q: %s with %s bytes", target, head.Status, head.Header.Get("Content-Length"))
		}
	}
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	t.Parallel()
	h := handler(t)
	const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
		"connect-src 'self' ws://127.0.0.1:8090 wss://chat.example:8443; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
		"require-trusted-types-for 'script'; trusted-types 'none'"
	for _, target := range []string{"/", "/app.js", "/config.json", "/nowhere"} {
		r := ask(h, http.MethodGet, target, nil)
		for name, want := range map[string]string{
			"Content-Security-Policy":      policy,
			"X-Content-Type-Options":       "nosniff",
			"Referrer-Policy":              "no-referrer",
			"Cross-Origin-Opener-Policy":   "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
		} {
			if have := r.Header.Get(name); have != want {
				t.Errorf("%s: %s is %q, want %q", target, name, have, want)
			}
		}
	}
}

func TestConfigIsToldAndNotKept(t *testing.T) {
	t.Parallel()
	r := ask(handler(t), http.MethodGet, "/config.json", http.Header{"If-None-Match": {"*"}})
	if r.StatusCode != http.StatusOK || r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("Etag") != "" {
		t.Errorf("%s, Cache-Control %q, Etag %q", r.Status, r.Header.Get("Cache-Control"), r.Header.Get("Etag"))
	}
	var told Config
	if err := json.Unmarshal(body(t, r), &told); err != nil {
		t.Fatal(err)
	}
	if want := config(); told.API != want.API || strings.Join(told.Sockets, " ") != strings.Join(want.Sockets, " ") {
		t.Errorf("told %+v, want %+v", told, want)
	}
}

func TestFilesAreRevalidated(t *testing.T) {
	t.Parallel()
	h := handler(t)
	first := ask(h, http.MethodGet, "/app.js", nil)
	tag := first.Header.Get("Etag")
	if !regexp.MustCompile(`^"[0-9a-f]{24}"$`).MatchString(tag) || first.Header.Get("Cache-Control") != "no-cache" {
		t.Fatalf("Etag %s, Cache-Control %q", tag, first.Header.Get("Cache-Control"))
	}
	if tag == ask(h, http.MethodGet, "/app.css", nil).Header.Get("Etag") {
		t.Error("two files have one tag")
	}
	for _, c := range []struct {
		has  string
		want int
	}{
		{tag, http.StatusNotModified},
		{`"other", W/` + tag, http.StatusNotModified},
		{"*", http.StatusNotModified},
		{`"other"`, http.StatusOK},
		{strings.Trim(tag, `"`), http.StatusOK},
	} {
		r := ask(h, http.MethodGet, "/app.js", http.Header{"If-None-Match": {c.has}})
		if raw := body(t, r); r.StatusCode != c.want || (len(raw) == 0) != (c.want == http.StatusNotModified) {
			t.Errorf("If-None-Match %s: %s with %d bytes, want %d", c.has, r.Status, len(raw), c.want)
		}
	}
}

func TestNothingElseIsServed(t *testing.T) {
	t.Parallel()
	h := handler(t)
	for _, target := range []string{"/index.html", "/web.go", "/page/app.js", "/../web.go", "/src/main.ts", "/app.js/", "//app.js", "/config.json/x"} {
		if r := ask(h, http.MethodGet, target, nil); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", target, r.Status)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, "TRACE"} {
		r := ask(h, method, "/", nil)
		if r.StatusCode != http.StatusMethodNotAllowed || r.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %s, Allow %q", method, r.Status, r.Header.Get("Allow"))
		}
	}
}

func TestSettingsThatCannotBe(t *testing.T) {
	t.Parallel()
	good := config()
	for _, c := range []Config{
		{},
		{Sockets: good.Sockets},
		{API: good.API},
		{Sockets: good.Sockets, API: "function"},
		{Sockets: good.Sockets, API: "/function/"},
		{Sockets: good.Sockets, API: "//elsewhere.example"},
		{Sockets: good.Sockets, API: "https://elsewhere.example/function"},
		{Sockets: []string{"http://127.0.0.1:8090"}, API: good.API},
		{Sockets: []string{"ws:///v1/ws"}, API: good.API},
		{Sockets: []string{"ws://a;script-src *"}, API: good.API},
		{Sockets: []string{"ws://*:8090/v1/ws"}, API: good.API},
		{Sockets: []string{"ws://u:p@127.0.0.1:8090/v1/ws"}, API: good.API},
		{Sockets: []string{"://"}, API: good.API},
	} {
		if _, err := Handler(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}

// TestPageAsksForNothingElse reads what the page asks for: files of its own
// that are served, no inline script, no style in the markup, nothing of others.
func TestPageAsksForNothingElse(t *testing.T) {
	t.Parallel()
	h := handler(t)
	markup := string(body(t, ask(h, http.MethodGet, "/", nil)))
	found := regexp.MustCompile(`(?:href|src)="([^"]*)"`).FindAllStringSubmatch(markup, -1)
	if len(found) != 3 {
		t.Errorf("the page asks for %q, want its style, its script and its icon", found)
	}
	for _, f := range found {
		if r := ask(h, http.MethodGet, "/"+f[1], nil); r.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", f[1], r.Status)
		}
	}
	if regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|<script[^>]*>[^<]`).MatchString(markup) {
		t.Error("the markup holds a style or a script that the policy refuses")
	}
	script := string(body(t, ask(h, http.MethodGet, "/app.js", nil)))
	for _, way := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "srcdoc"} {
		if strings.Contains(script, way) {
			t.Errorf("the script knows %s: text is only ever set as text", way)
		}
	}
}
