package message

// Core subjects: what is told and not kept. They are not in events.go, which
// holds the subjects of streams.
const (
	sentSubject = "message.sent."
	// HeadSubject is where the sweep tells of conversations and members that have
	// changed; the data is that of ReadHeads.
	HeadSubject = "message.head"
)

// SentSubject is where all is told that happens in a conversation. Who listens to
// it there decides who may see it: see HeaderVersion.
func SentSubject(conversation string) string { return sentSubject + conversation }

// The headers of what is told on SentSubject.
const (
	// HeaderVersion is the version of the conversation's members when it happened:
	// nobody may see it who was not looked up at that version or a later one.
	// Absent for what is no secret among those who ever were members.
	HeaderVersion = "Member-Version"
	// HeaderFirst and HeaderLast are the seqs of the messages.
	HeaderFirst = "First-Seq"
	HeaderLast  = "Last-Seq"
	// HeaderFrame is FrameMessage, FrameEvent or FrameTyping.
	HeaderFrame = "Frame"
	// HeaderOnly is the one user whose connections get it.
	HeaderOnly = "Only"
	// HeaderSockets has, for each line and with commas between, the connection
	// that it came by and that need not get it; empty for none.
	HeaderSockets = "Sockets"
)

// What is told.
const (
	FrameMessage = "message" // messages, numbered
	FrameEvent   = "event"   // something else that clients should know
	FrameTyping  = "typing"  // what may be dropped first
)
