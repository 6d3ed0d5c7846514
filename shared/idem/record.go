package idem

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// A record in Redis is one string, since a string costs the server a third of
// what a hash of the same fields does. Its first line is the head, five words:
//
//	p <lease ms> <0|1 doubtful, or m and a belief> <holder> <fingerprint>  in progress; then the progress
//	d <status> <bytes of progress> <holder> <fingerprint>                  done; then the progress and the body
//
// The scripts read and write the same form.

// done is the record of an answer, as the scripts keep it.
func done(r Record, a Answer) string {
	var text strings.Builder
	text.Grow(120 + len(r.Progress) + len(a.Body))
	fmt.Fprintf(&text, "d %d %d %s %s\n", a.Status, len(r.Progress), r.Holder, r.Fingerprint)
	text.Write(r.Progress)
	text.Write(a.Body)
	return text.String()
}

// begun is the record of a claim that is begun the short way (see belief.go).
func begun(c Claim, loss string) string {
	var text strings.Builder
	text.Grow(160 + len(c.Progress))
	fmt.Fprintf(&text, "p %d m%s %s %s\n", c.Lease.Milliseconds(), loss, c.Holder, c.Fingerprint)
	text.Write(c.Progress)
	return text.String()
}

// isDone reports whether a record's text is of one that is done.
func isDone(text string) bool { return strings.HasPrefix(text, "d ") }

// parse reads a record: done when it holds an answer.
func parse(id, text string) (r Record, done bool, err error) {
	head, rest, found := strings.Cut(text, "\n")
	words := strings.Split(head, " ")
	if !found || len(words) != 5 || words[3] == "" || words[4] == "" {
		return Record{}, false, errForm(id)
	}
	r = Record{ID: id, Holder: words[3], Fingerprint: words[4]}
	switch words[0] {
	case "p":
		r.Progress, r.Doubtful = []byte(rest), words[2] == "1"
		return r, false, nil
	case "d":
		status, bad := strconv.Atoi(words[1])
		length, worse := strconv.Atoi(words[2])
		if err := errors.Join(bad, worse); err != nil || length < 0 || length > len(rest) {
			return Record{}, false, errForm(id)
		}
		r.Progress, r.Answer = []byte(rest[:length]), Answer{Status: status, Body: []byte(rest[length:])}
		return r, true, nil
	}
	return Record{}, false, errForm(id)
}

func errForm(id string) error {
	return fmt.Errorf("the record of key %s in Redis has another form", id)
}

// word reports whether text can stand in the head of a record.
func word(text string) bool {
	return text != "" && len(text) <= 128 && !strings.ContainsFunc(text, unicode.IsSpace)
}
