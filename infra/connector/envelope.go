// Package connector holds the WebSockets of the chat: who each one is, which
// conversations it sees, and what is brought to it. It knows sockets, tokens and
// subjects, and nothing of what a message is: what a client sends goes to
// push-message as it came, and what NATS brings goes out as it is.
//
// It owns no table and no key. Sessions are presence's, seats are message's.
package connector

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	// maxToken bounds an access token, in bytes.
	maxToken = 4 << 10
	// maxWatched bounds the users whose presence one client watches.
	maxWatched = 100
	// maxSeq is the highest number of a message that is believed: what JSON says exactly.
	maxSeq = 1 << 53
	// maxRef bounds what of a client's own words is said back to it.
	maxRef = 64
)

// verb is what a line of a client wants.
type verb uint8

const (
	verbAuth verb = iota + 1
	verbSend
	verbRead
	verbTyping
	verbPresence
	verbToken
	verbPing
	verbPong
)

// verbOf is 0 for what is not known.
func verbOf(t string) verb {
	switch t {
	case "auth":
		return verbAuth
	case "send":
		return verbSend
	case "read":
		return verbRead
	case "typing":
		return verbTyping
	case "presence":
		return verbPresence
	case "token":
		return verbToken
	case "ping":
		return verbPing
	case "pong":
		return verbPong
	}
	return 0
}

// envelope is one line of a client, checked. Which fields are set depends on the
// verb; a field that the verb does not know was ignored, whatever was in it.
type envelope struct {
	verb         verb
	token        string   // auth, token
	device       string   // auth
	conversation string   // read, typing
	seq          int64    // read
	users        []string // presence
	id           string   // send: the client_msg_id
	// draft is send's body for push-message. What is in it beside the id was not
	// looked at: that is the function's to judge.
	draft []byte
}

// mistake is a line that is not served, as the client is told of it.
type mistake struct {
	code string // invalid_frame, unknown_type
	ref  string // the client_msg_id where there is one, else the t; may be empty
}

// wire is a line taken apart and not yet read: a field that is not for its verb
// may hold anything.
type wire struct {
	T            jsontext.Value `json:"t"`
	Token        jsontext.Value `json:"token"`
	Device       jsontext.Value `json:"device"`
	ClientMsgID  jsontext.Value `json:"client_msg_id"`
	Conversation jsontext.Value `json:"conversation"`
	To           jsontext.Value `json:"to"`
	Kind         jsontext.Value `json:"kind"`
	Body         jsontext.Value `json:"body"`
	Seq          jsontext.Value `json:"seq"`
	Users        jsontext.Value `json:"users"`
}

// open reads a line: one JSON object, no name twice, valid UTF-8. Nothing of the
// result is shared with line.
func open(line []byte) (envelope, *mistake) {
	var w wire
	if err := json.Unmarshal(line, &w); err != nil {
		return envelope{}, &mistake{code: "invalid_frame"}
	}
	t, ok := word(w.T)
	if !ok {
		return envelope{}, &mistake{code: "invalid_frame"}
	}
	e := envelope{verb: verbOf(t)}
	if e.verb == 0 {
		return envelope{}, &mistake{code: "unknown_type", ref: short(t)}
	}
	if e.id, _ = word(w.ClientMsgID); !isID(e.id) || e.verb != verbSend {
		e.id = ""
	}
	if !e.read(w) {
		ref := t
		if e.id != "" {
			ref = e.id
		}
		return envelope{}, &mistake{code: "invalid_frame", ref: ref}
	}
	return e, nil
}

// read takes from w what the verb needs; false when it is not there, or wrong.
func (e *envelope) read(w wire) (ok bool) {
	switch e.verb {
	case verbAuth:
		e.device, _ = word(w.Device)
		e.token, ok = word(w.Token)
		return ok && isToken(e.token) && isID(e.device)
	case verbToken:
		e.token, ok = word(w.Token)
		return ok && isToken(e.token)
	case verbSend:
		e.draft = w.draft()
		return e.id != ""
	case verbRead:
		e.conversation, _ = word(w.Conversation)
		e.seq, ok = number(w.Seq)
		return ok && isID(e.conversation)
	case verbTyping:
		e.conversation, _ = word(w.Conversation)
		return isID(e.conversation)
	case verbPresence:
		e.users, ok = ids(w.Users)
		return ok
	}
	return true // ping and pong have nothing more to say
}

// draft is the body for push-message: the fields that it knows, as they came. So
// nobody sends a sender, a number or a time.
func (w wire) draft() []byte {
	size := len(w.ClientMsgID) + len(w.Conversation) + len(w.To) + len(w.Kind) + len(w.Body) + 64
	b := append(make([]byte, 0, size), `{"client_msg_id":`...)
	b = append(b, w.ClientMsgID...)
	for _, f := range []struct {
		name  string
		value jsontext.Value
	}{{"conversation", w.Conversation}, {"to", w.To}, {"kind", w.Kind}, {"body", w.Body}} {
		if f.value != nil {
			b = append(b, `,"`...)
			b = append(b, f.name...)
			b = append(b, `":`...)
			b = append(b, f.value...)
		}
	}
	return append(b, '}')
}

// word reads a string; false for another value, or none.
func word(v jsontext.Value) (string, bool) {
	if v.Kind() != '"' {
		return "", false
	}
	text, err := jsontext.AppendUnquote(nil, v)
	return string(text), err == nil
}

// number reads an integer from 0, written as one.
func number(v jsontext.Value) (int64, bool) {
	n, err := strconv.ParseInt(string(v), 10, 64)
	return n, err == nil && n >= 0 && n <= maxSeq && v.Kind() == '0' && v[0] != '-'
}

// ids reads a list of at most maxWatched ids.
func ids(v jsontext.Value) ([]string, bool) {
	if v.Kind() != '[' {
		return nil, false
	}
	var all []string
	if err := json.Unmarshal(v, &all); err != nil || len(all) > maxWatched {
		return nil, false
	}
	for _, id := range all {
		if !isID(id) {
			return nil, false
		}
	}
	return all, true
}

// isID reports whether text matches ^[A-Za-z0-9_-]{1,64}$.
func isID(text string) bool { return len(text) <= 64 && isWord(text, "_-") }

// isToken reports whether text may be a JSON Web Token: it goes into a header.
func isToken(text string) bool { return len(text) <= maxToken && isWord(text, "_-.") }

// isWord reports whether text is of letters, digits and the marks, and not empty.
func isWord(text, marks string) bool {
	for _, c := range []byte(text) {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && bytes.IndexByte([]byte(marks), c) < 0 {
			return false
		}
	}
	return text != ""
}

// short is what of a client's own words is said back: nothing of what is no id.
func short(t string) string {
	if len(t) > maxRef || !isID(t) {
		return ""
	}
	return t
}
