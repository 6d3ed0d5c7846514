// Package web owns the page of the chat: its markup, style and script, embedded,
// and the handler that serves them. The script is made of the TypeScript in
// page/src and of the client library in client, which pages and programs of
// others may use too; what it makes of them is committed as page/app.js.
//
// It keeps nothing and knows no token: the page signs in at issue-token and
// talks to functions and connectors itself.
package web

//go:generate go run bazaar/infra/web/bundle -dir .

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
)

//go:embed page/index.html page/app.css page/app.js page/icon.svg
var files embed.FS

// Config is what a page is told of the house that it stands in. It is public.
type Config struct {
	// Sockets are the addresses of the connectors, as a browser reaches them:
	// ws:// or wss://, at least one. After a loss the page tries the next.
	Sockets []string `json:"sockets"`
	// API is where the functions are, seen from the page's own address and
	// without a slash at the end: /function. They must be of the page's origin.
	API string `json:"api"`
}

// file is one answer, ready to be written.
type file struct {
	kind string
	tag  string // "" for what is not to be kept
	body []byte
}

// page serves the files by their names.
type page struct {
	files  map[string]file
	policy string
}

// Handler serves the page to GET and HEAD, below the path where it is mounted
// with http.StripPrefix and a trailing slash: "" and "/" are the page itself,
// /config.json is c. Other paths are 404, other methods 405. The page may
// connect to its own origin and to the sockets of c and to nothing else, and may
// not be framed. Files are revalidated at each use; config.json is never kept.
func Handler(c Config) (http.Handler, error) {
	origins, err := c.origins()
	if err != nil {
		return nil, fmt.Errorf("the page's settings: %w", err)
	}
	p := &page{files: map[string]file{}, policy: policy(origins)}
	for name, kind := range map[string]string{
		"index.html": "text/html; charset=utf-8",
		"app.css":    "text/css; charset=utf-8",
		"app.js":     "text/javascript; charset=utf-8",
		"icon.svg":   "image/svg+xml",
	} {
		body, err := files.ReadFile(path.Join("page", name))
		if err != nil {
			return nil, fmt.Errorf("reading the page's files: %w", err)
		}
		sum := sha256.Sum256(body)
		p.files["/"+name] = file{kind, strconv.Quote(hex.EncodeToString(sum[:12])), body}
	}
	settings, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("writing the page's settings: %w", err)
	}
	p.files["/config.json"] = file{kind: "application/json", body: settings}
	p.files["/"], p.files[""] = p.files["/index.html"], p.files["/index.html"]
	delete(p.files, "/index.html") // one address for one page
	return p, nil
}

// origins checks c, and gives what the page must be allowed to connect to.
func (c Config) origins() ([]string, error) {
	if !strings.HasPrefix(c.API, "/") || strings.HasPrefix(c.API, "//") || strings.HasSuffix(c.API, "/") {
		return nil, fmt.Errorf("api %q is no path of the page's own origin", c.API)
	}
	if len(c.Sockets) == 0 {
		return nil, errors.New("no sockets")
	}
	var origins []string
	for _, socket := range c.Sockets {
		u, err := url.Parse(socket)
		if err != nil {
			return nil, fmt.Errorf("reading the address of a socket: %w", err)
		}
		// Within a policy a blank, a comma or a semicolon would begin something else.
		if u.Scheme != "ws" && u.Scheme != "wss" || u.Hostname() == "" || u.User != nil || strings.ContainsAny(u.Host, " ,;'\"*") {
			return nil, fmt.Errorf("%q is no address of a socket", socket)
		}
		origins = append(origins, u.Scheme+"://"+u.Host)
	}
	return origins, nil
}

// policy is the page's Content-Security-Policy. With trusted types there is no
// way for a string to become markup, whatever the script does.
func policy(origins []string) string {
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' " + strings.Join(origins, " ") +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
}

func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", p.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	f, found := p.files[r.URL.Path]
	if !found {
		http.Error(w, "there is no such page", http.StatusNotFound)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "this can only be read", http.StatusMethodNotAllowed)
		return
	}
	h.Set("Content-Type", f.kind)
	if f.tag == "" {
		h.Set("Cache-Control", "no-store")
	} else {
		h.Set("Cache-Control", "no-cache")
		h.Set("Etag", f.tag)
		if matches(r.Header.Values("If-None-Match"), f.tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(f.body)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(f.body) // whoever asked has gone, or has it
	}
}

// matches reports whether a tag is among those that a browser has.
func matches(headers []string, tag string) bool {
	for _, h := range headers {
		for one := range strings.SplitSeq(h, ",") {
			one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
			if one == tag || one == "*" {
				return true
			}
		}
	}
	return false
}
