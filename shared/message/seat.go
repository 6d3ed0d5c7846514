package message

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/pg"
)

// Seat is a user's place in a conversation, as whoever delivers to the user must
// know it.
type Seat struct {
	User         string
	Conversation string
	Version      int64 // the conversation's, at which the user was found there
	From         int64 // sees what comes after it
	LastSeq      int64
}

// Seats gives all places of the users, at most 256 of them.
func (Store) Seats(ctx context.Context, q pg.Querier, users []string) ([]Seat, error) {
	rows, err := q.Query(ctx, `
		select m.user_id, m.conversation_id, c.version, m.from_seq, c.last_seq
		from message.member m join message.conversation c using (conversation_id)
		where m.user_id = any($1) and m.left_seq is null`, users)
	return collect(rows, err, func(row pgx.CollectableRow) (s Seat, err error) {
		err = row.Scan(&s.User, &s.Conversation, &s.Version, &s.From, &s.LastSeq)
		return s, err
	}, "reading the places of users")
}

// Heads says how far conversations are, at most 500 of them. Those that do not
// exist are not in the map.
func (Store) Heads(ctx context.Context, q pg.Querier, conversations []string) (map[string]Head, error) {
	rows, err := q.Query(ctx, `select conversation_id, last_seq, version from message.conversation
		where conversation_id = any($1)`, conversations)
	return heads(rows, err)
}

// heads reads rows of conversation, last_seq and version.
func heads(rows pgx.Rows, err error) (map[string]Head, error) {
	if err != nil {
		return nil, pg.Fault(err, "reading heads")
	}
	found := map[string]Head{}
	var conversation string
	var h Head
	_, err = pgx.ForEachRow(rows, []any{&conversation, &h.LastSeq, &h.Version}, func() error {
		found[conversation] = h
		return nil
	})
	return found, pg.Fault(err, "reading heads")
}

// ChangesSince gives the members who came, went or changed after a version of a
// conversation, and the head at which that is all: one snapshot. Nothing of a
// conversation that does not exist: its head has the version 0.
func (Store) ChangesSince(ctx context.Context, q pg.Querier, conversation string, version int64) (Head, []Change, error) {
	rows, err := q.Query(ctx, `
		select c.version, c.last_seq, m.user_id, m.version, m.from_seq, m.left_seq is not null
		from message.conversation c
		left join message.member m on m.conversation_id = c.conversation_id and m.version > $2
		where c.conversation_id = $1`, conversation, version)
	if err != nil {
		return Head{}, nil, pg.Fault(err, "reading who came and went")
	}
	var h Head
	var user *string
	var at, from *int64
	var gone bool
	var changes []Change
	_, err = pgx.ForEachRow(rows, []any{&h.Version, &h.LastSeq, &user, &at, &from, &gone}, func() error {
		if user == nil {
			return nil // nobody did
		}
		if at == nil || from == nil {
			return errors.New("a member without a version")
		}
		changes = append(changes, Change{conversation, *user, *at, *from, gone})
		return nil
	})
	if err != nil {
		return Head{}, nil, pg.Fault(err, "reading who came and went")
	}
	return h, changes, nil
}
