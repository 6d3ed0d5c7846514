package chat

import (
	"slices"
	"sync"
)

// mostKept is how many messages of a conversation a store is given, the newest.
const mostKept = 200

// Saved is what a client needs to go on where it was.
type Saved struct {
	Outbox        []Draft           `json:"outbox"`
	Conversations map[string]Kept   `json:"conversations"`
	Peers         map[string]string `json:"peers"` // user -> the direct conversation with them
}

// Kept is what is saved of a conversation.
type Kept struct {
	Kind     string    `json:"kind"`
	Cursor   int64     `json:"cursor"`
	Read     int64     `json:"read"`   // the read cursor, as far as the server has told
	Wanted   int64     `json:"wanted"` // the read cursor that this client has asked for
	Messages []Message `json:"messages"`
	Gaps     []Gap     `json:"gaps"`
	Complete bool      `json:"complete"`
}

// Store keeps what a client needs to go on after it was ended, or killed. It is
// used by one client at a time. What Save was given must not be changed by
// anybody afterwards.
type Store interface {
	// Load gives what was saved last for the user; nothing is no error.
	Load(user string) (Saved, error)
	// Save keeps s instead of what was there. No message is sent before a Save that
	// has it has returned.
	Save(user string, s Saved) error
}

// Memory is a Store that lives as long as the process. It is safe for
// concurrent use.
type Memory struct {
	mu    sync.Mutex
	saved map[string]Saved
}

// Load is Store's.
func (m *Memory) Load(user string) (Saved, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.saved[user], nil
}

// Save is Store's.
func (m *Memory) Save(user string, s Saved) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.saved == nil {
		m.saved = map[string]Saved{}
	}
	m.saved[user] = s
	return nil
}

// keep is what is saved of a timeline.
func (t *timeline) keep() (messages []Message, gaps []Gap, complete bool) {
	from := max(len(t.shown)-mostKept, 0)
	messages = slices.Clip(t.shown[from:])
	for _, g := range t.gaps {
		if len(messages) == 0 || g.To > messages[0].Seq {
			gaps = append(gaps, g)
		}
	}
	return messages, gaps, t.complete && from == 0 && len(gaps) == len(t.gaps)
}

// restore makes a timeline of what was saved.
func restore(k Kept) timeline {
	return timeline{shown: slices.Clip(k.Messages), cursor: k.Cursor, head: k.Cursor, gaps: slices.Clip(k.Gaps), complete: k.Complete}
}
