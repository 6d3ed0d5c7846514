package chat

import "time"

// EventKind says what an Event tells, and which of its fields are set.
type EventKind string

// The kinds.
const (
	StateChanged   EventKind = "state"    // State
	Shown          EventKind = "entry"    // Message: it is the newest of its conversation
	Loaded         EventKind = "older"    // Message: it belongs before what was shown
	Confirmed      EventKind = "sent"     // ID, Conversation, Seq
	Failed         EventKind = "failed"   // ID, Code: for a person to try again
	ReadMoved      EventKind = "read"     // Conversation, User, Seq: read up to there
	Recalled       EventKind = "recall"   // Conversation, Seq, By
	MemberChanged  EventKind = "member"   // Conversation, User, Change, By
	GroupChanged   EventKind = "group"    // Conversation, Title
	Removed        EventKind = "removed"  // Conversation: we are not in it any more
	TypingSeen     EventKind = "typing"   // Conversation, User
	PresenceSeen   EventKind = "presence" // User, Online, LastActive
	ComplaintHeard EventKind = "error"    // Code, ID: what the complaint refers to
)

// Event is something that happened. Order is that of happening.
type Event struct {
	Kind         EventKind
	State        LinkState
	Conversation string
	Seq          int64
	Message      Message
	ID           string // a client_msg_id
	Code         string
	User, By     string
	Change       string // joined, left, removed, role, muted
	Title        string
	Online       bool
	LastActive   time.Time
}
