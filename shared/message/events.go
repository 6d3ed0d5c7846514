package message

import (
	"time"

	"bazaar/shared/event"
)

// Subjects of the events that messages emit.
const (
	Stored = "message.stored" // data: StoredData
	Missed = "message.missed" // data: MissedData
)

// StoredData is what was committed and is perhaps not announced: who takes it
// reads the messages and tells of them again, which does no harm.
type StoredData struct {
	Spans   []Stretch `json:"spans,omitempty"`
	Recalls []Place   `json:"recalls,omitempty"`
}

// Stretch is the messages of a conversation from First to Last.
type Stretch struct {
	Conversation string `json:"conversation"`
	First        int64  `json:"first"`
	Last         int64  `json:"last"`
}

// Span asks Between for the messages of a stretch.
func (s Stretch) Span() Span {
	return Span{Conversation: s.Conversation, After: s.First - 1, Before: s.Last + 1, Limit: int(s.Last - s.First + 1)}
}

// Place is one message of a conversation.
type Place struct {
	Conversation string `json:"conversation"`
	Seq          int64  `json:"seq"`
}

// StoredEvent is an event of its own order: it has no aggregate but itself.
func StoredEvent(id string, d StoredData) (event.Event, error) {
	return event.New(Stored, id, id, d)
}

// MissedData is a message for people who were not connected when it was told.
// Nothing of ours takes it; what sends notices to telephones would.
type MissedData struct {
	Users        []string  `json:"users"`
	Conversation string    `json:"conversation"`
	Kind         string    `json:"kind"`
	From         string    `json:"from"`
	Seq          int64     `json:"seq"`
	SentAt       time.Time `json:"sent_at"`
	Sure         bool      `json:"sure"` // false: nobody could say whether they were connected
}

// MissedEvent is the event of those who missed a message. Its id is the message's,
// so that a repetition is known as one.
func MissedEvent(messageID string, d MissedData) (event.Event, error) {
	return event.New(Missed, messageID, d.Conversation, d)
}
