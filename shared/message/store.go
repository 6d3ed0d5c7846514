package message

import (
	"context"
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/jackc/pgx/v5"

	"bazaar/shared/pg"
)

// Store is the SQL of the schema message. What takes a transaction changes
// something and must run under Lock; what takes a Querier reads, or changes one
// row by a statement of its own.
type Store struct{}

// columns of message.message as scanMessage reads them.
const columns = `g.conversation_id, g.seq, g.sender_id, g.client_msg_id, g.kind, g.body, g.created_at,
	coalesce(g.recalled_at, '0001-01-01Z'::timestamptz)`

func scanMessage(row pgx.CollectableRow) (Message, error) {
	var m Message
	var body string
	err := row.Scan(&m.Conversation, &m.Seq, &m.From, &m.ClientMsgID, &m.Kind, &body, &m.SentAt, &m.RecalledAt)
	m.ID, m.Body = IDOf(m.From, m.ClientMsgID), jsontext.Value(body)
	m.SentAt, m.RecalledAt = m.SentAt.UTC(), m.RecalledAt.UTC()
	return m, err
}

// collect reads all rows of a query.
func collect[T any](rows pgx.Rows, err error, scan pgx.RowToFunc[T], doing string) ([]T, error) {
	if err != nil {
		return nil, pg.Fault(err, doing)
	}
	all, err := pgx.CollectRows(rows, scan)
	return all, pg.Fault(err, doing)
}

// Lock locks a conversation until the transaction ends: nobody speaks in it and
// nobody comes or goes. Ask for its members afterwards, never in the same
// statement. not_found where there is none, or it was dissolved.
func (Store) Lock(ctx context.Context, tx pgx.Tx, conversation string) (Room, error) {
	r := Room{Conversation: conversation}
	err := tx.QueryRow(ctx, `select kind, last_seq, version, member_count, dissolved_at is not null
		from message.conversation where conversation_id = $1 for no key update`, conversation).
		Scan(&r.Kind, &r.LastSeq, &r.Version, &r.Members, &r.Dissolved)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && r.Dissolved {
		return Room{}, NotFound()
	}
	return r, pg.Fault(err, "locking a conversation")
}

// Members gives those of users who are in a conversation, by user id.
func (Store) Members(ctx context.Context, q pg.Querier, conversation string, users []string) (map[string]Member, error) {
	rows, err := q.Query(ctx, `select `+memberColumns+` from message.member m
		where m.conversation_id = $1 and m.user_id = any($2) and m.left_seq is null`, conversation, users)
	list, err := collect(rows, err, scanMember, "reading members")
	found := make(map[string]Member, len(list))
	for _, m := range list {
		found[m.User] = m
	}
	return found, err
}

// place is what a member may see of a conversation at one moment.
type place struct {
	room     Room
	from     int64
	read     int64
	activeAt time.Time
}

// visible reports whether seq is a message that the member may see.
func (p place) visible(seq int64) bool { return p.from < seq && seq <= p.room.LastSeq }

const placeColumns = `c.conversation_id, c.kind, c.last_seq, c.version, c.member_count, m.from_seq, m.read_seq, c.active_at`

func scanPlace(row pgx.CollectableRow) (place, error) {
	var p place
	err := row.Scan(&p.room.Conversation, &p.room.Kind, &p.room.LastSeq, &p.room.Version, &p.room.Members, &p.from, &p.read, &p.activeAt)
	return p, err
}

// place gives a user's place in a conversation; not_found for who is not in it.
// What is read afterwards up to its last message is what the user may see, also
// if the user is removed meanwhile.
func (Store) place(ctx context.Context, q pg.Querier, user, conversation string) (place, error) {
	rows, err := q.Query(ctx, `select `+placeColumns+`
		from message.member m join message.conversation c using (conversation_id)
		where m.conversation_id = $1 and m.user_id = $2 and m.left_seq is null`, conversation, user)
	list, err := collect(rows, err, scanPlace, "looking for a member")
	if err == nil && len(list) == 0 {
		err = NotFound()
	}
	if err != nil {
		return place{}, err
	}
	return list[0], nil
}
