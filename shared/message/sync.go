package message

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/fault"
	"bazaar/shared/pg"
)

const (
	// MaxCursors is how many conversations a client may name.
	MaxCursors = 1000
	// MaxPage is the most messages of one conversation in an answer.
	MaxPage = 100
	// pageBytes bounds the bodies that are read by one statement, and about that
	// the bodies of an answer.
	pageBytes = 1 << 20
	// pageSpans is how many conversations are read by one statement.
	pageSpans = 64
	// recalledFor is how long a recall is told of to who has read the message, and
	// maxRecalled how many of one conversation.
	recalledFor = 7 * 24 * time.Hour
	maxRecalled = 100
)

// Cursors are what a client has: of each conversation that it knows, all up to
// and with a seq.
type Cursors struct {
	Seqs  map[string]int64
	Limit int // messages of each conversation, 1..MaxPage
}

// Validate refuses cursors with the fault invalid_cursor, and a limit with
// invalid_limit.
func (c Cursors) Validate() error {
	if len(c.Seqs) > MaxCursors {
		return fault.New(fault.Invalid, "invalid_cursor", "At most %d conversations can be named.", MaxCursors).At("cursors")
	}
	for id, seq := range c.Seqs {
		if !IsID(id) || seq < 0 {
			return fault.New(fault.Invalid, "invalid_cursor", "A cursor is the id of a conversation and a number from 0.").At("cursors")
		}
	}
	if c.Limit < 1 || c.Limit > MaxPage {
		return fault.New(fault.Invalid, "invalid_limit", "A limit is 1 to %d.", MaxPage).At("limit")
	}
	return nil
}

// Page is what a client lacks of a conversation: its newest messages, ascending,
// and the gap below them.
type Page struct {
	Conversation string
	Kind         string
	LastSeq      int64
	ReadSeq      int64
	Messages     []Message
	Gap          *Gap    // nil for none
	Recalled     []int64 // seqs up to the cursor that were recalled of late
}

// Gap is messages from one seq to another, both included, that a page leaves out.
type Gap struct{ From, To int64 }

// Synced is all that a client lacks, conversations with the latest messages first.
type Synced struct {
	Pages   []Page
	Removed []string // named, and the user is not in them
}

// Span asks for messages of a conversation between two seqs, neither included:
// the newest Limit of them.
type Span struct {
	Conversation  string
	After, Before int64
	Limit         int
}

// Pages reads the messages of spans: Between, or what remembers its answers. Of
// each span it gives the newest, ascending; it may leave out older ones, and all.
type Pages func(ctx context.Context, spans []Span) ([]Message, error)

// Sync gives what a client lacks by its cursors, which must be valid. A
// conversation is in the answer when it has more than the cursor says, was not
// named, or has something recalled that the client may have. A cursor beyond the
// last message counts as that. After a MiB of bodies the conversations come
// without messages, all of them in the gap.
func (s Store) Sync(ctx context.Context, q pg.Querier, user string, c Cursors, pages Pages) (Synced, error) {
	rows, err := q.Query(ctx, `select `+placeColumns+`
		from message.member m join message.conversation c using (conversation_id)
		where m.user_id = $1 and m.left_seq is null order by c.active_at desc, c.conversation_id`, user)
	places, err := collect(rows, err, scanPlace, "reading the conversations of a user")
	if err != nil {
		return Synced{}, err
	}
	recalled, err := s.recalled(ctx, q, places, c)
	if err != nil {
		return Synced{}, err
	}
	var out Synced
	var spans []Span
	here := make(map[string]bool, len(places))
	for _, p := range places {
		id, last := p.room.Conversation, p.room.LastSeq
		here[id] = true
		cursor, named := c.Seqs[id]
		cursor = min(cursor, last)
		if named && cursor == last && len(recalled[id]) == 0 {
			continue
		}
		out.Pages = append(out.Pages, Page{Conversation: id, Kind: p.room.Kind, LastSeq: last, ReadSeq: p.read, Recalled: recalled[id]})
		spans = append(spans, Span{Conversation: id, After: max(cursor, p.from), Before: last + 1, Limit: c.Limit})
	}
	for id := range c.Seqs {
		if !here[id] {
			out.Removed = append(out.Removed, id)
		}
	}
	out.Removed = sorted(out.Removed)
	return out, fill(ctx, out.Pages, spans, pages)
}

// fill reads the messages of the pages, whose spans are in the same order, and
// says what they leave out.
func fill(ctx context.Context, list []Page, spans []Span, pages Pages) error {
	at, bytes := make(map[string]*Page, len(list)), 0
	for i := range list {
		at[list[i].Conversation] = &list[i]
	}
	for begin := 0; begin < len(spans) && bytes < pageBytes; begin += pageSpans {
		var wanted []Span
		for _, s := range spans[begin:min(begin+pageSpans, len(spans))] {
			if s.After+1 < s.Before {
				wanted = append(wanted, s)
			}
		}
		if len(wanted) == 0 {
			continue
		}
		messages, err := pages(ctx, wanted)
		if err != nil {
			return err
		}
		for _, m := range messages {
			if p := at[m.Conversation]; p != nil {
				p.Messages = append(p.Messages, m)
				bytes += len(m.Body)
			}
		}
	}
	for i, s := range spans {
		below := s.Before // what the page begins with
		if page := list[i].Messages; len(page) > 0 {
			below = page[0].Seq
		}
		if s.After+1 < below {
			list[i].Gap = &Gap{From: s.After + 1, To: below - 1}
		}
	}
	return nil
}

// recalled gives, of each conversation that the client has something of, what was
// recalled of that in the last days.
func (Store) recalled(ctx context.Context, q pg.Querier, places []place, c Cursors) (map[string][]int64, error) {
	var ids []string
	var froms, cursors []int64
	for _, p := range places {
		if cursor := min(c.Seqs[p.room.Conversation], p.room.LastSeq); cursor > p.from {
			ids, froms, cursors = append(ids, p.room.Conversation), append(froms, p.from), append(cursors, cursor)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := q.Query(ctx, `
		select g.conversation_id, g.seq from unnest($1::text[], $2::bigint[], $3::bigint[]) k (c, f, t) cross join lateral (
			select conversation_id, seq from message.message
			where conversation_id = k.c and recalled_at > now() - $4::bigint * interval '1 millisecond' and seq > k.f and seq <= k.t
			order by recalled_at desc limit $5) g
		order by g.conversation_id, g.seq`, ids, froms, cursors, recalledFor.Milliseconds(), maxRecalled)
	if err != nil {
		return nil, pg.Fault(err, "reading what was recalled")
	}
	found := map[string][]int64{}
	var id string
	var seq int64
	_, err = pgx.ForEachRow(rows, []any{&id, &seq}, func() error {
		found[id] = append(found[id], seq)
		return nil
	})
	return found, pg.Fault(err, "reading what was recalled")
}

// Between gives the messages of spans, of each the newest, ascending, those of
// the spans that come first rather than others: at most a MiB of bodies in all,
// and what goes beyond is left out. A conversation must be in one span. Who may
// see them is the caller's business.
func (Store) Between(ctx context.Context, q pg.Querier, spans []Span) ([]Message, error) {
	n := len(spans)
	if n == 0 {
		return nil, nil
	}
	ids, afters, befores, limits := make([]string, n), make([]int64, n), make([]int64, n), make([]int32, n)
	for i, s := range spans {
		ids[i], afters[i], befores[i], limits[i] = s.Conversation, s.After, s.Before, int32(min(s.Limit, 1<<20)) //nolint:gosec // bounded
	}
	// The sum runs from the newest message of the first span on, so that what it
	// cuts off is older than what is left. A long body is not read to be measured.
	rows, err := q.Query(ctx, `
		select `+columns+` from (
			select k.n, m.*, sum(octet_length(m.body)) over (order by k.n, m.seq desc) - octet_length(m.body) as newer
			from unnest($1::text[], $2::bigint[], $3::bigint[], $4::int[]) with ordinality k (c, a, b, most, n) cross join lateral (
				select * from message.message where conversation_id = k.c and seq > k.a and seq < k.b
				order by seq desc limit k.most) m) g
		where g.newer < $5 order by g.n, g.seq`, ids, afters, befores, limits, pageBytes)
	return collect(rows, err, scanMessage, "reading messages")
}
