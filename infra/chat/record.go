package chat

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Record is what one client saw and was told, from its beginning on: what Judge
// holds against the truth. It grows with every message, so only a client that was
// made with Options.Record keeps it; of others Cursors, Heads, Gaps and Ignored
// are told.
type Record struct {
	User, Device string
	Whole        bool             // Options.Record was set
	Began        map[string]int64 // conversation -> the cursor that an earlier life has left
	Sent         []Confirmation
	Failed       []Failure
	Shown        []Sight          // in the order in which they were shown
	Reads        []Reading        // its own read cursors, in the order in which it was told
	Cursors      map[string]int64 // conversation -> all up to it was shown, is a gap, or is not ours
	Heads        map[string]int64 // conversation -> the highest seq it was told of
	Gaps         map[string][]Gap // conversation -> what was not loaded
	Removed      []string         // conversations that it was taken out of, in order
	Ignored      int              // lines that it did not understand
}

// Confirmation is a message that the server called stored.
type Confirmation struct {
	Sent
	To   Target
	Hash string
}

// Failure is a message that the server refused for good.
type Failure struct{ ID, Code string }

// Sight is a message that was shown.
type Sight struct {
	Conversation string
	Seq          int64
	From         string
	ClientMsgID  string
	Hash         string // of the body as it was then
	Recalled     bool
	Earlier      bool // loaded before what was shown already
	Restored     bool // shown in an earlier life, and kept
}

// Reading is a read cursor of the client's user.
type Reading struct {
	Conversation string
	Seq          int64
}

// Hash is of a body without the white space between its tokens: the SHA-256, in
// hex. What is no JSON has the hash of its bytes.
func Hash(body jsontext.Value) string {
	compact := body.Clone()
	if err := compact.Compact(); err != nil {
		compact = body
	}
	sum := sha256.Sum256(compact)
	return hex.EncodeToString(sum[:])
}

func (r *Record) saw(m Message, earlier, restored bool) {
	if !r.Whole {
		return
	}
	r.Shown = append(r.Shown, Sight{
		Conversation: m.Conversation, Seq: m.Seq, From: m.From, ClientMsgID: m.ClientMsgID, Hash: Hash(m.Body),
		Recalled: !m.RecalledAt.IsZero(), Earlier: earlier, Restored: restored,
	})
}

// began notes where an earlier life has left a conversation.
func (r *Record) began(conversation string, cursor int64) {
	if !r.Whole {
		return
	}
	if r.Began == nil {
		r.Began = map[string]int64{}
	}
	r.Began[conversation] = cursor
}

func (r *Record) sent(s Sent, l *letter) {
	if r.Whole {
		r.Sent = append(r.Sent, Confirmation{s, l.To, Hash(l.Body)})
	}
}

func (r *Record) failed(f Failure) {
	if r.Whole {
		r.Failed = append(r.Failed, f)
	}
}

func (r *Record) read(conversation string, seq int64) {
	if r.Whole {
		r.Reads = append(r.Reads, Reading{conversation, seq})
	}
}

func (r *Record) removed(conversation string) {
	if r.Whole {
		r.Removed = append(r.Removed, conversation)
	}
}

// copy is the record as it is now.
func (r *Record) copy(talks map[string]*talk) Record {
	all := *r
	all.Sent, all.Failed, all.Shown = slices.Clone(r.Sent), slices.Clone(r.Failed), slices.Clone(r.Shown)
	all.Reads, all.Removed, all.Began = slices.Clone(r.Reads), slices.Clone(r.Removed), maps.Clone(r.Began)
	all.Cursors, all.Heads, all.Gaps = map[string]int64{}, map[string]int64{}, map[string][]Gap{}
	for id := range maps.Keys(talks) {
		line := &talks[id].timeline
		all.Cursors[id], all.Heads[id] = line.cursor, line.head
		if len(line.gaps) > 0 {
			all.Gaps[id] = slices.Clone(line.gaps)
		}
	}
	return all
}
