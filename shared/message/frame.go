package message

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"

	"bazaar/shared/bus"
)

// maxNote bounds the lines of one note; what is longer goes as several, in order.
const maxNote = 256 << 10

// MessageLine is a message as every receiver gets it: one JSON object without a
// newline.
func MessageLine(m Message) []byte {
	b := make([]byte, 0, 320+len(m.Body))
	return append(m.appendFields(append(b, `{"t":"message",`...)), '}')
}

// The kinds of an Event.
const (
	EventMember = "member" // somebody came, went, or is something else: User, Change, By, Version
	EventGroup  = "group"  // it has another name, or is dissolved: Title or Dissolved
	EventRead   = "read"   // a cursor moved to Seq: User
	EventRecall = "recall" // the message Seq was recalled: By
)

// Event is what clients should know of a conversation and is no message: it has
// no number of its own, and one that is lost is found by syncing.
type Event struct {
	Conversation string
	Seq          int64 // the last message's, or what the kind says
	Kind         string
	User         string // the fields of other kinds are empty
	Change       string // joined, left, removed, role, muted
	By           string
	Version      int64
	Title        string
	Dissolved    bool
}

// EventLine is an event as every receiver gets it.
func EventLine(e Event) []byte {
	b := appendText(make([]byte, 0, 192), `{"t":"event","conversation":`, e.Conversation)
	b = appendNumber(b, `,"seq":`, e.Seq)
	b = appendText(b, `,"kind":`, e.Kind)
	for _, field := range []struct{ name, text string }{
		{`,"user":`, e.User}, {`,"change":`, e.Change}, {`,"by":`, e.By}, {`,"title":`, e.Title},
	} {
		if field.text != "" {
			b = appendText(b, field.name, field.text)
		}
	}
	if e.Version != 0 {
		b = appendNumber(b, `,"version":`, e.Version)
	}
	if e.Dissolved {
		b = append(b, `,"dissolved":true`...)
	}
	return append(b, '}')
}

// Note is what tells of an event to who was looked up at version (0: everybody who
// listens), or to the connections of one user only.
func (e Event) Note(version int64, only string) bus.Note {
	h := nats.Header{HeaderFrame: {FrameEvent}}
	if version > 0 {
		h.Set(HeaderVersion, strconv.FormatInt(version, 10))
	}
	if only != "" {
		h.Set(HeaderOnly, only)
	}
	return bus.Note{Subject: SentSubject(e.Conversation), Header: h, Data: EventLine(e)}
}

// Notes are what tells of messages, those of one conversation together as far as
// they follow each other and are of one version.
func Notes(batch []Posted) []bus.Note {
	var notes []bus.Note
	open := map[string]*telling{}
	var order []string
	for _, m := range batch {
		line := MessageLine(m.Message)
		t := open[m.Conversation]
		if t != nil && (m.Seq != t.last+1 || m.Version != t.version || t.data.Len()+1+len(line) > maxNote) {
			notes = append(notes, t.note(m.Conversation))
			t = nil
		}
		if t == nil {
			if _, known := open[m.Conversation]; !known {
				order = append(order, m.Conversation)
			}
			t = &telling{first: m.Seq, version: m.Version}
			open[m.Conversation] = t
		}
		t.add(m, line)
	}
	for _, c := range order {
		notes = append(notes, open[c].note(c))
	}
	return notes
}

// telling is a note that is being written.
type telling struct {
	first, last, version int64
	sockets              []string
	data                 bytes.Buffer
}

func (t *telling) add(m Posted, line []byte) {
	if t.data.Len() > 0 {
		t.data.WriteByte('\n')
	}
	t.data.Write(line)
	t.last = m.Seq
	t.sockets = append(t.sockets, m.Socket)
}

func (t *telling) note(conversation string) bus.Note {
	h := nats.Header{
		HeaderFrame:   {FrameMessage},
		HeaderVersion: {strconv.FormatInt(t.version, 10)},
		HeaderFirst:   {strconv.FormatInt(t.first, 10)},
		HeaderLast:    {strconv.FormatInt(t.last, 10)},
	}
	if sockets := strings.Join(t.sockets, ","); len(sockets) >= len(t.sockets) {
		h.Set(HeaderSockets, sockets) // more than commas: some line came by a socket
	}
	return bus.Note{Subject: SentSubject(conversation), Header: h, Data: t.data.Bytes()}
}
