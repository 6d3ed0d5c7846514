package group

import (
	"encoding/json"
	"fmt"

	"bazaar/shared/bus"
)

// Changed is what a user is told of its place in a conversation.
type Changed struct {
	Conversation string `json:"conversation"`
	Version      int64  `json:"version"`  // of the conversation, that the change made
	FromSeq      int64  `json:"from_seq"` // the user sees what comes after it
	LastSeq      int64  `json:"last_seq"` // the conversation's
	Gone         bool   `json:"gone"`     // the user is not in it any more
	By           string `json:"by"`       // who did it
}

// Note is what tells a user of a change.
func (c Changed) Note(user string) bus.Note {
	line, _ := json.Marshal(c) // texts and numbers: it cannot fail
	return bus.Note{Subject: Subject(user), Data: line}
}

// ReadChanged reads what was told on Subject.
func ReadChanged(data []byte) (Changed, error) {
	var c Changed
	if err := json.Unmarshal(data, &c); err != nil {
		return Changed{}, fmt.Errorf("reading a change: %w", err)
	}
	if c.Conversation == "" || c.Version < 1 || c.FromSeq < 0 || c.LastSeq < 0 {
		return Changed{}, fmt.Errorf("reading a change: %+v is none", c)
	}
	return c, nil
}
