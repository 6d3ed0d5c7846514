package message

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/fault"
	"bazaar/shared/pg"
)

// maxUnread is up to how many messages behind the number of unread ones is exact.
const maxUnread = 1000

// Conversation is what a user sees of one in a list.
type Conversation struct {
	ID         string
	Kind       string
	Peer       string // the other user of a direct one
	LastSeq    int64
	ReadSeq    int64
	Unread     int64 // without the user's own; of the next 1,000 messages only
	ActiveAt   time.Time
	MutedUntil time.Time // zero, or perhaps past: not muted
	Last       *Message  // nil where the user may see none
}

// List gives a user's conversations by their last activity, the latest first, and
// the cursor of the next page: "" at the end. A wrong cursor is a fault
// invalid_cursor. One that is active while the list is read page by page may come
// twice.
func (Store) List(ctx context.Context, q pg.Querier, user, after string, limit int) ([]Conversation, string, error) {
	at, id, err := readCursor(after)
	if err != nil {
		return nil, "", err
	}
	// The rows of the page are found first: what is asked of each is asked of these only.
	rows, err := q.Query(ctx, `
		with page as materialized (
			select c.conversation_id, c.kind, c.last_seq, c.active_at, m.from_seq, m.read_seq, m.muted_until
			from message.member m join message.conversation c using (conversation_id)
			where m.user_id = $1 and m.left_seq is null and ($2 = '' or (c.active_at, c.conversation_id) < ($3, $2))
			order by c.active_at desc, c.conversation_id desc limit $4
		)
		select p.conversation_id, p.kind, p.last_seq, p.from_seq, p.read_seq, p.active_at, coalesce(p.muted_until, '0001-01-01Z'::timestamptz),
			case p.kind when 'direct' then coalesce((select user_id from message.member o
				where o.conversation_id = p.conversation_id and o.user_id <> $1 limit 1), '') else '' end,
			(select count(*) filter (where sender_id <> $1) from (
				select sender_id from message.message g where g.conversation_id = p.conversation_id and g.seq > p.read_seq
				order by g.seq limit $5) g)
		from page p order by p.active_at desc, p.conversation_id desc`, user, id, at, limit+1, maxUnread)
	if err != nil {
		return nil, "", pg.Fault(err, "listing conversations")
	}
	var list []Conversation
	var spans []Span
	var c Conversation
	var from int64
	_, err = pgx.ForEachRow(rows, []any{&c.ID, &c.Kind, &c.LastSeq, &from, &c.ReadSeq, &c.ActiveAt, &c.MutedUntil, &c.Peer, &c.Unread}, func() error {
		c.ActiveAt, c.MutedUntil = c.ActiveAt.UTC(), c.MutedUntil.UTC()
		list = append(list, c)
		spans = append(spans, Span{Conversation: c.ID, After: max(c.LastSeq-1, from), Before: c.LastSeq + 1, Limit: 1})
		return nil
	})
	if err != nil {
		return nil, "", pg.Fault(err, "listing conversations")
	}
	next := ""
	if len(list) > limit {
		list, spans = list[:limit], spans[:limit]
		next = cursor(list[limit-1])
	}
	return list, next, addLast(ctx, q, list, spans)
}

// addLast fills in the last messages.
func addLast(ctx context.Context, q pg.Querier, list []Conversation, spans []Span) error {
	at := make(map[string]*Conversation, len(list))
	for i := range list {
		at[list[i].ID] = &list[i]
	}
	// In two halves, since the longest bodies of a page of a hundred are more than
	// is read at once.
	for len(spans) > 0 {
		n := min(len(spans), pageSpans)
		last, err := Store{}.Between(ctx, q, spans[:n])
		if err != nil {
			return err
		}
		for i := range last {
			at[last[i].Conversation].Last = &last[i]
		}
		spans = spans[n:]
	}
	return nil
}

func cursor(c Conversation) string {
	return base64.RawURLEncoding.EncodeToString([]byte(c.ActiveAt.UTC().Format(time.RFC3339Nano) + " " + c.ID))
}

func readCursor(text string) (at time.Time, id string, err error) {
	if text == "" {
		return at, "", nil
	}
	wrong := fault.New(fault.Invalid, "invalid_cursor", "The cursor is not one that a list gave.").At("after")
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return at, "", wrong
	}
	when, id, found := strings.Cut(string(raw), " ")
	at, err = time.Parse(time.RFC3339Nano, when)
	if err != nil || !found || !IsID(id) {
		return at, "", wrong.Because(fmt.Errorf("cursor %q", raw))
	}
	return at, id, nil
}
