package socket

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// origin is where a web page comes from, lower case, its port always said.
type origin struct{ scheme, host, port string }

type origins []origin

func parseOrigins(list []string) (origins, error) {
	var all origins
	for _, s := range list {
		o, ok := parseOrigin(s)
		if !ok {
			return nil, fmt.Errorf("%q is no origin", s)
		}
		all = append(all, o)
	}
	return all, nil
}

// admit reports whether a page of this origin may connect to this host: it is
// listed, or is the host's own. A name that only ends or begins like one of them
// is another, and "null" is nobody's. The scheme does not count against the own
// host, since TLS ends in front of us; the port does.
func (a origins) admit(given, host string) bool {
	o, ok := parseOrigin(given)
	if !ok {
		return false
	}
	for _, allowed := range a {
		if o == allowed {
			return true
		}
	}
	// A host without a port was asked for at its scheme's own.
	own, ok := parseOrigin(o.scheme + "://" + host)
	return ok && o == own
}

// parseOrigin reads scheme://host[:port], and nothing that says more.
func parseOrigin(s string) (origin, bool) {
	if !isVisible(s) {
		return origin{}, false
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(s, "#") {
		return origin{}, false
	}
	usual := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	if usual == "" {
		return origin{}, false
	}
	host, port := u.Hostname(), u.Port()
	if port == "" {
		port = usual
	}
	// An empty port is none, and what is escaped could be written in two ways.
	if host == "" || strings.HasSuffix(u.Host, ":") || strings.Contains(s, "%") {
		return origin{}, false
	}
	if ip := net.ParseIP(host); ip != nil {
		host = ip.String()
	}
	return origin{u.Scheme, strings.ToLower(host), port}, true
}
