package message

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"bazaar/shared/bus"
)

// Head is how far a conversation is.
type Head struct {
	Version int64
	LastSeq int64
}

// Heads are what is told on HeadSubject: conversations with new messages, and
// members who changed.
type Heads struct {
	Heads   map[string]Head
	Members []Change
}

// headsData is the form of Heads on the wire: rows without names, since there are
// many.
type headsData struct {
	Heads   []json.RawMessage `json:"heads"`   // ["<conversation>",last_seq,version]
	Members []json.RawMessage `json:"members"` // ["<conversation>","<user>",version,from_seq,gone]
}

// maxHeads bounds the rows of one note: a row has about 170 bytes at most.
const maxHeads = 1500

// Notes are what tells of heads, as many as it takes.
func (h Heads) Notes() ([]bus.Note, error) {
	var rows []headsData
	put := func(row any, into func(*headsData) *[]json.RawMessage) error {
		raw, err := json.Marshal(row)
		if err != nil {
			return fmt.Errorf("encoding heads: %w", err)
		}
		if len(rows) == 0 || len(rows[len(rows)-1].Heads)+len(rows[len(rows)-1].Members) == maxHeads {
			rows = append(rows, headsData{Heads: []json.RawMessage{}, Members: []json.RawMessage{}})
		}
		list := into(&rows[len(rows)-1])
		*list = append(*list, raw)
		return nil
	}
	for _, c := range slices.Sorted(maps.Keys(h.Heads)) {
		err := put([]any{c, h.Heads[c].LastSeq, h.Heads[c].Version}, func(d *headsData) *[]json.RawMessage { return &d.Heads })
		if err != nil {
			return nil, err
		}
	}
	for _, m := range h.Members {
		err := put([]any{m.Conversation, m.User, m.Version, m.From, m.Gone}, func(d *headsData) *[]json.RawMessage { return &d.Members })
		if err != nil {
			return nil, err
		}
	}
	notes := make([]bus.Note, len(rows))
	for i, r := range rows {
		data, err := json.Marshal(r)
		if err != nil {
			return nil, fmt.Errorf("encoding heads: %w", err)
		}
		notes[i] = bus.Note{Subject: HeadSubject, Data: data}
	}
	return notes, nil
}

// ReadHeads reads what was told on HeadSubject.
func ReadHeads(data []byte) (Heads, error) {
	var d headsData
	if err := json.Unmarshal(data, &d); err != nil {
		return Heads{}, fmt.Errorf("reading heads: %w", err)
	}
	h := Heads{Heads: make(map[string]Head, len(d.Heads))}
	for _, raw := range d.Heads {
		var c string
		var head Head
		if err := readRow(raw, &c, &head.LastSeq, &head.Version); err != nil {
			return Heads{}, err
		}
		if !IsID(c) || head.LastSeq < 0 || head.Version < 1 {
			return Heads{}, fmt.Errorf("reading heads: %q at %d, version %d, is none", c, head.LastSeq, head.Version)
		}
		h.Heads[c] = head
	}
	for _, raw := range d.Members {
		var m Change
		if err := readRow(raw, &m.Conversation, &m.User, &m.Version, &m.From, &m.Gone); err != nil {
			return Heads{}, err
		}
		if !IsID(m.Conversation) || !IsID(m.User) || m.Version < 1 || m.From < 0 {
			return Heads{}, fmt.Errorf("reading heads: %+v is no member", m)
		}
		h.Members = append(h.Members, m)
	}
	return h, nil
}

// readRow reads a JSON array into as many values as it has.
func readRow(raw json.RawMessage, into ...any) error {
	want := len(into)
	if err := json.Unmarshal(raw, &into); err != nil {
		return fmt.Errorf("reading a row of heads: %w", err)
	}
	if len(into) != want {
		return fmt.Errorf("reading a row of heads: it has %d values, not %d", len(into), want)
	}
	return nil
}
