package message

import (
	"context"
	"slices"

	"bazaar/shared/pg"
)

// History gives messages of a conversation before a seq (0: the newest), newest
// first, and the seq before which to go on; 0 when the user may see no older one.
// At most limit, and fewer when they are long. not_found for who is not in it.
func (s Store) History(ctx context.Context, q pg.Querier, user, conversation string, before int64, limit int) ([]Message, int64, error) {
	p, err := s.place(ctx, q, user, conversation)
	if err != nil {
		return nil, 0, err
	}
	if before <= 0 || before > p.room.LastSeq {
		before = p.room.LastSeq + 1
	}
	list, err := s.Between(ctx, q, []Span{{Conversation: conversation, After: p.from, Before: before, Limit: limit}})
	if err != nil || len(list) == 0 {
		return nil, 0, err
	}
	slices.Reverse(list)
	next := list[len(list)-1].Seq
	if next == p.from+1 {
		next = 0
	}
	return list, next, nil
}
