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
//	p <until ms> <0|1 doubtful> <holder> <fingerprint>     in progress; then the progress
//	d <status> <bytes of progress> <holder> <fingerprint>  done; then the progress and the body
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

// parse reads a record: isDone when it holds an answer.
func parse(id, text string) (r Record, isDone bool, err error) {
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
