package browser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// knock opens a socket from the page that is open, and says how that ended and
// what was heard. A hello ends it, too.
func (w *window) knock(address string) (heard string) {
	w.t.Helper()
	return ask[string](w, fmt.Sprintf(`new Promise(done => {
		const s = new WebSocket(%q, "bazaar.v1.json");
		s.onmessage = m => done(JSON.parse(m.data.split("\n")[0]).t);
		s.onclose = e => done(String(e.code));
	})`, address))
}

// foreignPage: a page of another origin is told that it may not connect, before
// it is told anything else, and cannot call a function either.
func (s *stage) foreignPage(t *testing.T) {
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><title>elsewhere</title><link rel="icon" href="data:,">`))
	}))
	defer foreign.Close()
	ours := s.window(t, "ours", s.Gateway+"/chat/")
	theirs := s.window(t, "theirs", foreign.URL, "has been blocked by CORS policy", "net::ERR_FAILED", "frame-ancestors 'none'")
	for _, address := range s.Sockets {
		if heard := ours.knock(address); heard != "hello" {
			t.Errorf("our own page hears %s of %s", heard, address)
		}
		if heard := theirs.knock(address); heard != "4206" {
			t.Errorf("a foreign page hears %s of %s", heard, address)
		}
	}
	if answer := ask[string](theirs, fmt.Sprintf(`fetch(%q, {method: "POST", headers: {"Content-Type": "application/json"}, body: "{}"}).then(a => String(a.status), e => e.name)`,
		s.Gateway+"/function/sync-messages")); answer != "TypeError" {
		t.Errorf("a foreign page reads an answer: %s", answer)
	}
	if framed := ask[string](theirs, fmt.Sprintf(`new Promise(done => {
		const f = document.createElement("iframe");
		f.onload = () => { try { done(String(f.contentDocument)) } catch (e) { done(e.name) } };
		f.src = %q;
		document.body.append(f);
	})`, s.Gateway+"/chat/")); framed != "null" {
		t.Errorf("the page in a frame: %s", framed)
	}
	if heard := theirs.heard(); len(heard) == 0 {
		t.Error("the frame was not refused aloud")
	}
}

// watchSees: what the page may not do is refused, and found by what every window
// is watched with.
func (s *stage) watchSees(t *testing.T) {
	w := s.window(t, "watched", s.Gateway+"/chat/", "Content Security Policy", "TrustedHTML", "TrustedScriptURL", "Failed to fetch", "broken on purpose")
	w.do("the door", chromedp.WaitVisible(chromedp.CSS("#name")))
	for what, script := range map[string]string{
		"a style":    `document.body.setAttribute("style", "color: red")`,
		"a script":   `document.body.append(Object.assign(document.createElement("script"), {src: "data:text/javascript,0"}))`,
		"a picture":  `document.body.append(Object.assign(document.createElement("img"), {src: "http://127.0.0.1:1/x.png"}))`,
		"a call":     `fetch("http://127.0.0.1:1/")`,
		"markup":     `document.body.innerHTML = "<b>x</b>"`,
		"an error":   `console.error("broken on purpose")`,
		"a throw":    `throw new Error("broken on purpose")`,
		"a way home": `Promise.reject(new Error("broken on purpose"))`,
	} {
		before := len(w.heard())
		// As a script of the page, some time later: not as the one who looks at it.
		w.until(what, `(setTimeout(() => { `+script+` }), true)`)
		deadline := time.Now().Add(patience)
		for len(w.heard()) == before {
			if time.Now().After(deadline) {
				t.Fatalf("%s is not noticed", what)
			}
			<-time.After(5 * time.Millisecond)
		}
	}
	if ask[bool](w, `document.querySelector("body > b") !== null || document.body.getAttribute("style") === null`) {
		t.Error("markup came through")
	}
}
