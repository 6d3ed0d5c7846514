package connector_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"bazaar/infra/connector"
	"bazaar/shared/auth"
	"bazaar/shared/pg"
	"bazaar/tests/support"
)

// TestWhoIsNotLetIn: what comes in the place of a good token, and the code it meets.
func TestWhoIsNotLetIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(options{settings: func(s *connector.Settings) { s.AuthTimeout = time.Second }})
	issuer, err := auth.NewIssuer(support.TokenSigningKey(t), "bazaar", "else", time.Hour)
	must(t, err)
	foreign, err := issuer.Issue(auth.Claims{Subject: "alice", SessionID: "s"})
	must(t, err)
	issuer, err = auth.NewIssuer(support.TokenSigningKey(t), "bazaar", "bazaar-api", time.Hour)
	must(t, err)
	// Within the leeway that functions give: here it counts no more.
	expired, err := issuer.Issue(auth.Claims{Subject: "alice", SessionID: "s", Expires: time.Now().Add(-time.Second), IssuedAt: time.Now().Add(-time.Minute)})
	must(t, err)
	good := w.token("alice", time.Hour, "s")
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt"}`))
	for name, c := range map[string]struct {
		text string
		code int
	}{
		"nothing at all":      {"", 4201},
		"no signature":        {auth1(parts[0] + "." + parts[1] + ".AAAA"), 4201},
		"alg none":            {auth1(none + "." + parts[1] + "."), 4201},
		"for somebody else":   {auth1(foreign), 4201},
		"expired":             {auth1(expired), 4201},
		"rubbish":             {auth1("a.b.c"), 4201},
		"no device":           {`{"t":"auth","token":"` + good + `"}`, 4205},
		"no JSON":             {`auth`, 4205},
		"another line first":  {`{"t":"ping"}`, 4205},
		"a token of 5000":     {auth1(strings.Repeat("a", 5000)), 4205},
		"a token in the name": {`{"t":"auth","device":"` + good + `","token":"x"}`, 4205},
	} {
		p := dial(t, n, nil)
		p.name = name
		if c.text != "" {
			p.raw(c.text)
		}
		if code := p.code(); code != c.code {
			t.Errorf("%s: %d, not %d", name, code, c.code)
		}
		if p.heard("ready") || !p.heard("bye", "code", c.code) {
			t.Errorf("%s: heard %v", name, p.seen)
		}
	}
}

func auth1(token string) string { return `{"t":"auth","device":"d","token":"` + token + `"}` }

// TestPagesOfOthers: the origin decides, exactly, and the code can be seen.
func TestPagesOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(options{settings: func(s *connector.Settings) { s.Origins = []string{"https://shop.example"} }})
	for origin, let := range map[string]bool{
		"https://shop.example": true, "http://" + n.address: true, "": true,
		"https://shop.example.evil": false, "http://shop.example": false, "https://shop.example:444": false, "null": false,
	} {
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		p := dial(t, n, header)
		p.name = origin
		if let {
			p.await("hello")
			continue
		}
		if code := p.code(); code != 4206 || p.heard("hello") {
			t.Errorf("%q: %d, heard %v", origin, code, p.seen)
		}
	}
}

// TestAStoreThatIsAwaySendsClientsAway: they are told when to come back.
func TestAStoreThatIsAwaySendsClientsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gone := w.settings
	gone.URL = "postgres://bazaar@127.0.0.1:1/bazaar?sslmode=disable"
	pool := support.OpenPostgres(t, pg.Settings{URL: gone.URL, MaxConns: 2, ConnectTimeout: time.Second})
	n := w.open(options{directory: connector.NewDirectory(pool)})
	p := dial(t, n, nil)
	p.raw(auth1(w.token("alice", time.Hour, "s")))
	bye := p.await("bye", "code", 4005)
	if after := bye["after_ms"].(float64); after < 1000 || after > 5000 {
		t.Errorf("bye %v", bye)
	}
	if code := p.code(); code != 4005 {
		t.Errorf("closed with %d", code)
	}
}
