package message

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/fault"
	"bazaar/shared/pg"
)

// MaxReceipts is up to how many members it is told who has read a message, and
// everybody hears of a read cursor; beyond it the numbers must do.
const MaxReceipts = 200

// Mark is a read cursor after somebody read.
type Mark struct {
	Seq     int64
	Moved   bool   // it was lower; of two who move it at once both may hear so
	Kind    string // of the conversation
	Members int
	Version int64
}

// Read moves a user's read cursor up to seq, which beyond the last message counts
// as that. It never moves back: to read less is no error. not_found for who is
// not in the conversation.
func (s Store) Read(ctx context.Context, q pg.Querier, user, conversation string, seq int64) (Mark, error) {
	p, err := s.place(ctx, q, user, conversation)
	if err != nil {
		return Mark{}, err
	}
	m := Mark{Seq: p.read, Kind: p.room.Kind, Members: p.room.Members, Version: p.room.Version}
	seq = min(seq, p.room.LastSeq)
	if seq <= p.read {
		return m, nil
	}
	err = q.QueryRow(ctx, `update message.member set read_seq = greatest(read_seq, $3)
		where conversation_id = $1 and user_id = $2 and left_seq is null returning read_seq`, conversation, user, seq).Scan(&m.Seq)
	if errors.Is(err, pgx.ErrNoRows) {
		return Mark{}, NotFound() // removed meanwhile
	}
	m.Moved = true
	return m, pg.Fault(err, "moving a read cursor")
}

// Receipts are who has read a message.
type Receipts struct {
	Read    int      // members other than the sender
	Members int      // all
	Users   []string // who they are; nil above MaxReceipts members
}

// Receipts counts who has read a message, of those who can see it. invalid_seq
// for a message that is not there or that the user may not see; not_found for who
// is not in the conversation.
func (s Store) Receipts(ctx context.Context, q pg.Querier, user, conversation string, seq int64) (Receipts, error) {
	p, err := s.place(ctx, q, user, conversation)
	if err != nil {
		return Receipts{}, err
	}
	if !p.visible(seq) {
		return Receipts{}, fault.New(fault.Invalid, "invalid_seq", "There is no message of this number.").At("seq")
	}
	r := Receipts{Members: p.room.Members}
	// Who came after the message has a cursor beyond it, and has not read it.
	const readers = ` from message.member m where m.conversation_id = $1 and m.left_seq is null and m.read_seq >= $2 and m.from_seq < $2
		and m.user_id <> (select sender_id from message.message where conversation_id = $1 and seq = $2)`
	if r.Members > MaxReceipts {
		err := q.QueryRow(ctx, `select count(*)`+readers, conversation, seq).Scan(&r.Read)
		return r, pg.Fault(err, "counting who has read")
	}
	rows, err := q.Query(ctx, `select m.user_id`+readers+` order by m.user_id`, conversation, seq)
	users, err := collect(rows, err, pgx.RowTo[string], "reading who has read")
	r.Read, r.Users = len(users), append([]string{}, users...)
	return r, err
}
