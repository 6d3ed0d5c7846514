package presence

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
)

// Core subjects: nobody keeps what is told on them.
const (
	changedPrefix  = "presence.changed."
	replacedPrefix = "presence.replaced."
)

// ChangedSubject is where it is told that a user came, or went for good. What is
// told there is a ChangedLine.
func ChangedSubject(user string) string { return changedPrefix + user }

// ReplacedSubject is where a node is told that one of its sessions has to go.
// What is told there is a Replaced.
func ReplacedSubject(node string) string { return replacedPrefix + node }

// change is a line as clients get it.
type change struct {
	T          string  `json:"t"`
	User       string  `json:"user"`
	Online     bool    `json:"online"`
	LastActive *string `json:"last_active"`
}

// ChangedLine is what clients are told of a user: one JSON object without a
// newline, {"t":"presence","user","online","last_active"}, the time in RFC 3339
// with milliseconds or null.
func ChangedLine(user string, p Presence) ([]byte, error) {
	c := change{T: "presence", User: user, Online: p.Online}
	if !p.LastActive.IsZero() {
		at := p.LastActive.UTC().Format("2006-01-02T15:04:05.000Z")
		c.LastActive = &at
	}
	line, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("writing the line of a presence: %w", err)
	}
	return line, nil
}

// ReadChanged reads a ChangedLine.
func ReadChanged(line []byte) (user string, p Presence, err error) {
	var c change
	if err = json.Unmarshal(line, &c); err != nil {
		return "", Presence{}, fmt.Errorf("reading the line of a presence: %w", err)
	}
	p.Online = c.Online
	if c.LastActive != nil {
		if p.LastActive, err = time.Parse(time.RFC3339, *c.LastActive); err != nil {
			return "", Presence{}, fmt.Errorf("reading the line of a presence: %w", err)
		}
	}
	return c.User, p, nil
}

// Replaced tells a node which of its sessions has to go, and whose it is.
type Replaced struct {
	Session string `json:"session"`
	User    string `json:"user"`
}

// Encode gives what is told on ReplacedSubject.
func (r Replaced) Encode() ([]byte, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("writing the notice of a replaced session: %w", err)
	}
	return data, nil
}

// ReadReplaced reads what was told on ReplacedSubject.
func ReadReplaced(data []byte) (Replaced, error) {
	var r Replaced
	if err := json.Unmarshal(data, &r); err != nil {
		return Replaced{}, fmt.Errorf("reading the notice of a replaced session: %w", err)
	}
	if !isID(r.Session) || !isID(r.User) {
		return Replaced{}, fmt.Errorf("reading the notice of a replaced session: %q of %q are no ids", r.Session, r.User)
	}
	return r, nil
}
