package message

import (
	"time"

	"github.com/jackc/pgx/v5"
)

// The roles of a member, as they are stored. Who may do what with them is the
// business of package group.
const (
	Owner = "owner" // one in each living group
	Admin = "admin"
	Plain = "member" // also both users of a direct conversation
)

// Member is a user's place in a conversation.
type Member struct {
	Conversation string
	User         string
	Role         string
	Version      int64 // the conversation's, when this place last changed
	From         int64 // sees what comes after it
	ReadSeq      int64
	MutedUntil   time.Time // zero, or perhaps past: not muted
	JoinedAt     time.Time
}

const memberColumns = `m.conversation_id, m.user_id, m.role, m.version, m.from_seq, m.read_seq,
	coalesce(m.muted_until, '0001-01-01Z'::timestamptz), m.joined_at`

func (m *Member) fields() []any {
	return []any{&m.Conversation, &m.User, &m.Role, &m.Version, &m.From, &m.ReadSeq, &m.MutedUntil, &m.JoinedAt}
}

// tidied gives times in UTC, so that the zero time is the zero time.
func (m Member) tidied() Member {
	m.MutedUntil, m.JoinedAt = m.MutedUntil.UTC(), m.JoinedAt.UTC()
	return m
}

func scanMember(row pgx.CollectableRow) (Member, error) {
	var m Member
	err := row.Scan(m.fields()...)
	return m.tidied(), err
}

// Change is the last change of somebody's place in a conversation.
type Change struct {
	Conversation string
	User         string
	Version      int64 // of the conversation, that the change made
	From         int64
	Gone         bool // not a member any more
}
