package message

import (
	"context"
	"errors"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/jackc/pgx/v5"

	"bazaar/shared/pg"
)

// Recall takes back what a message says, under the conversation's lock: its place
// and its kind stay. To recall again what one has recalled changes nothing.
//
// may decides, with the sender and whether the message is less than two minutes
// old by the database's clock; its error is given back as it is. not_found for a
// message that is not there, or that by may not see.
func (Store) Recall(ctx context.Context, tx pgx.Tx, r *Room, seq int64, by string, may func(sender string, recent bool) error) (Message, error) {
	rows, err := tx.Query(ctx, `
		select `+columns+`, coalesce(g.recalled_by, ''), g.created_at > clock_timestamp() - interval '2 minutes'
		from message.message g join message.member m
			on m.conversation_id = g.conversation_id and m.user_id = $3 and m.left_seq is null and m.from_seq < g.seq
		where g.conversation_id = $1 and g.seq = $2`, r.Conversation, seq, by)
	if err != nil {
		return Message{}, pg.Fault(err, "reading a message to be recalled")
	}
	var m Message
	var body, recalledBy string
	var recent bool
	found := false
	_, err = pgx.ForEachRow(rows, []any{&m.Conversation, &m.Seq, &m.From, &m.ClientMsgID, &m.Kind, &body, &m.SentAt, &m.RecalledAt, &recalledBy, &recent},
		func() error { found = true; return nil })
	switch {
	case err != nil:
		return Message{}, pg.Fault(err, "reading a message to be recalled")
	case !found:
		return Message{}, NotFound()
	}
	m.ID, m.SentAt, m.RecalledAt, m.Body = IDOf(m.From, m.ClientMsgID), m.SentAt.UTC(), m.RecalledAt.UTC(), jsontext.Value(`{}`)
	if recalledBy == by {
		return m, nil
	}
	if err := may(m.From, recent); err != nil {
		return Message{}, err
	}
	if recalledBy != "" {
		return m, nil
	}
	err = tx.QueryRow(ctx, `update message.message set body = '{}', recalled_at = clock_timestamp(), recalled_by = $3
		where conversation_id = $1 and seq = $2 returning recalled_at`, r.Conversation, seq, by).Scan(&m.RecalledAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return Message{}, NotFound()
	}
	m.RecalledAt = m.RecalledAt.UTC()
	return m, pg.Fault(err, "recalling a message")
}
