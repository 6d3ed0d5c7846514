package message

import (
	"context"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/pg"
)

// Belonging is a group's conversation with a user's place in it.
type Belonging struct {
	Room   Room
	Member Member
}

const belongings = `select ` + memberColumns + `, c.kind, c.last_seq, c.version, c.member_count
	from message.member m join message.conversation c on c.conversation_id = m.conversation_id
	where m.user_id = $1 and m.left_seq is null and c.kind = 'group'`

func scanBelonging(row pgx.CollectableRow) (b Belonging, err error) {
	err = row.Scan(append(b.Member.fields(), &b.Room.Kind, &b.Room.LastSeq, &b.Room.Version, &b.Room.Members)...)
	b.Member, b.Room.Conversation = b.Member.tidied(), b.Member.Conversation
	return b, err
}

// Belongs gives a user's place in a group; not_found for who is not in it, and for
// a direct conversation.
func (Store) Belongs(ctx context.Context, q pg.Querier, user, conversation string) (Belonging, error) {
	rows, err := q.Query(ctx, belongings+` and c.conversation_id = $2`, user, conversation)
	list, err := collect(rows, err, scanBelonging, "looking for a member")
	if err == nil && len(list) == 0 {
		err = NotFound()
	}
	if err != nil {
		return Belonging{}, err
	}
	return list[0], nil
}

// Groups gives the groups that a user is in by their id, those after one, and the
// group after which to go on: "" at the end.
func (Store) Groups(ctx context.Context, q pg.Querier, user, after string, limit int) ([]Belonging, string, error) {
	rows, err := q.Query(ctx, belongings+` and c.conversation_id > $2 order by c.conversation_id limit $3`, user, after, limit+1)
	list, err := collect(rows, err, scanBelonging, "reading the groups of a user")
	if err != nil || len(list) <= limit {
		return list, "", err
	}
	return list[:limit], list[limit-1].Room.Conversation, nil
}

// CountGroups counts the groups that a user is in.
func (Store) CountGroups(ctx context.Context, q pg.Querier, user string) (int, error) {
	var n int
	err := q.QueryRow(ctx, `select count(*) from message.member m join message.conversation c using (conversation_id)
		where m.user_id = $1 and m.left_seq is null and c.kind = 'group'`, user).Scan(&n)
	return n, pg.Fault(err, "counting the groups of a user")
}
