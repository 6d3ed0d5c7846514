package socket

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
)

const (
	maxRequestBytes  = 8 << 10
	maxRequestFields = 100
	firstRequestRead = 1 << 10
)

// refusal is an answer that is no 101.
type refusal struct {
	status int
	why    string
	fields string // header lines instead of Connection: close, each with its end
}

func (r *refusal) Error() string { return r.why }

func refuse(status int, why string) *refusal { return &refusal{status: status, why: why} }

// answer is the refusal as it goes over the wire.
func (r *refusal) answer() []byte {
	fields := r.fields
	if fields == "" {
		fields = "Connection: close\r\n"
	}
	return fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n%s\r\n%s\n",
		r.status, http.StatusText(r.status), len(r.why)+1, fields, r.why)
}

// request is the head of an HTTP request.
type request struct {
	method, target, protocol string
	fields                   []field
}

type field struct{ name, value string }

// all gives the values of the fields with a name.
func (r request) all(name string) []string {
	var values []string
	for _, f := range r.fields {
		if strings.EqualFold(f.name, name) {
			values = append(values, f.value)
		}
	}
	return values
}

// list gives the elements of a field that is a list, of all its lines.
func (r request) list(name string) []string {
	var elements []string
	for _, value := range r.all(name) {
		for element := range strings.SplitSeq(value, ",") {
			elements = append(elements, strings.Trim(element, " \t"))
		}
	}
	return elements
}

// readRequest reads the head of a request, to its empty line, and gives what came
// behind it too: a client need not wait for our answer to send its first frame.
func readRequest(c net.Conn) (head, ahead []byte, err error) {
	b := make([]byte, 0, firstRequestRead)
	for {
		if len(b) == cap(b) {
			b = append(make([]byte, 0, 2*cap(b)), b...)
		}
		n, err := c.Read(b[len(b):cap(b)])
		from := max(len(b)-3, 0)
		b = b[:len(b)+n]
		if end := headEnd(b, from); end > 0 && end <= maxRequestBytes {
			return b[:end:end], b[end:], nil
		}
		if len(b) >= maxRequestBytes {
			return nil, nil, refuse(http.StatusRequestHeaderFieldsTooLarge, "the request is too long")
		}
		if err != nil {
			return nil, nil, err
		}
	}
}

// headEnd is where the empty line ends, 0 when it has not come. A line that
// ends in a bare newline counts here, so that its sender is told and not waited for.
func headEnd(b []byte, from int) int {
	for i := from; i < len(b); i++ {
		switch {
		case b[i] != '\n':
		case bytes.HasPrefix(b[i+1:], []byte("\r\n")):
			return i + 3
		case bytes.HasPrefix(b[i+1:], []byte("\n")):
			return i + 2
		}
	}
	return 0
}

var errMalformed = errors.New("the request is malformed")

// parseRequest reads what readRequest gave. It takes nothing that two readers
// could read differently: no bare newline, no folded line, no blank before a colon.
func parseRequest(head []byte) (request, error) {
	lines := strings.Split(strings.TrimSuffix(string(head), "\r\n\r\n"), "\r\n")
	var r request
	first := strings.Split(lines[0], " ")
	if len(first) != 3 || !isToken(first[0]) || !isVisible(first[1]) || !strings.HasPrefix(first[2], "HTTP/") {
		return r, errMalformed
	}
	r.method, r.target, r.protocol = first[0], first[1], first[2]
	if len(lines)-1 > maxRequestFields {
		return r, refuse(http.StatusRequestHeaderFieldsTooLarge, "the request has too many fields")
	}
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ":")
		value = strings.Trim(value, " \t")
		if !ok || !isToken(name) || !isPrintable(value) {
			return r, errMalformed
		}
		r.fields = append(r.fields, field{name, value})
	}
	return r, nil
}

// isToken reports whether s is a token of RFC 9110.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
		if !letter && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// isVisible reports whether s is visible ASCII.
func isVisible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}

// isPrintable reports whether s has no control characters but tabs.
func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return false
		}
	}
	return true
}
