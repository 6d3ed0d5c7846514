package message

import (
	"crypto/rand"
	"encoding/base64"
	"slices"
	"strings"
)

// The kinds of a conversation.
const (
	Direct = "direct" // of two users, for ever
	Group  = "group"  // of those who are in it
)

// MaxMembers of a conversation.
const MaxMembers = 10_000

// Room is a conversation as its row says, under its lock where a lock is asked
// for.
type Room struct {
	Conversation string
	Kind         string
	LastSeq      int64 // of its last message; 0 for none
	Version      int64 // one more for each change of its members
	Members      int
	Dissolved    bool
}

// DirectID is the conversation of two users, in either order. It tells nobody who
// they are.
func DirectID(a, b string) string {
	return "d_" + digest("direct", min(a, b), max(a, b))
}

// NewGroupID is the id of a new group, which nobody guesses.
func NewGroupID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	return "g_" + base64.RawURLEncoding.EncodeToString(b[:])
}

// sorted is users, each once, in the order in which rows are locked.
func sorted(users []string) []string {
	out := slices.Clone(users)
	slices.SortFunc(out, strings.Compare)
	return slices.Compact(out)
}
