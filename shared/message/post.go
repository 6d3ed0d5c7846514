package message

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"bazaar/shared/outbox"
)

// Posted is a message that is stored, now or before.
type Posted struct {
	Message
	Duplicate bool   // it was stored before
	Version   int64  // of the conversation's members, when it was stored
	Socket    string // the draft's
}

// Opened is a direct conversation that is new to a user.
type Opened struct {
	Conversation, User string
	By                 string // who wrote first
	Version, LastSeq   int64
}

// posting is one transaction for parcels of any conversations: it asks what there
// is under the locks, judges, and writes. It may run more than once.
type posting struct {
	parcels []parcel
	settled []string // events whose rows go along
	opens   bool     // it makes direct conversations that are missing

	opened   []Opened
	rooms    map[string]Room
	speakers map[seat]speaker
	known    map[once]said
	verdicts []verdict
	event    string // the id of the event that tells of what was stored; "" where nothing was
}

// planOnce has the statements of the transaction planned once for a connection.
// The server would plan them anew each time, since it knows the length of the
// arrays then: more than half of its work for a few messages, and it changes
// nothing, as each is a walk along keys.
const planOnce = `set local plan_cache_mode = force_generic_plan`

// errUnopened is of a posting that has to make conversations first. Most have
// been made long ago, and looking for each costs as much as a message.
var errUnopened = errors.New("a direct conversation is missing")

// run runs the transaction.
func (p *posting) run(ctx context.Context, store TxStore) error {
	return store.AskAndWrite(ctx, p.ask, func(batch *pgx.Batch) error { return p.write(ctx, batch) })
}

func (p *posting) ask(batch *pgx.Batch) {
	p.opened, p.event = nil, ""
	p.rooms, p.speakers, p.known = map[string]Room{}, map[seat]speaker{}, map[once]said{}
	batch.Queue(planOnce)
	if p.opens {
		p.open(batch)
	}
	p.lock(batch)
	p.look(batch)
}

func (p *posting) write(ctx context.Context, batch *pgx.Batch) error {
	if !p.opens && p.unopened() {
		return errUnopened
	}
	p.verdicts = judge(p.parcels, p.rooms, p.speakers, p.known)
	spans := p.spans()
	if len(spans) == 0 {
		return nil
	}
	p.insert(batch)
	advance(batch, spans)
	p.event = uuid.NewString()
	event, err := StoredEvent(p.event, StoredData{Spans: spans})
	if err != nil {
		return err
	}
	return outbox.Queue(ctx, batch, p.settled, event)
}

// unopened reports whether a direct conversation is missing.
func (p *posting) unopened() bool {
	return slices.ContainsFunc(p.parcels, func(d parcel) bool {
		_, found := p.rooms[d.conversation]
		return d.To != "" && !found
	})
}

// open makes the direct conversations that are missing, in the order of their
// ids: of two who open the same one, one waits and finds it there.
func (p *posting) open(batch *pgx.Batch) {
	pairs := map[string]parcel{}
	for _, d := range p.parcels {
		if d.To != "" {
			pairs[d.conversation] = d
		}
	}
	if len(pairs) == 0 {
		return
	}
	var ids, of, users []string
	for id, d := range pairs {
		ids, of, users = append(ids, id), append(of, id, id), append(users, d.Sender, d.To)
	}
	batch.Queue(`
		with c as (
			insert into message.conversation (conversation_id, kind, member_count)
			select id, 'direct', 2 from unnest($1::text[]) id order by id
			on conflict do nothing returning conversation_id
		)
		insert into message.member (conversation_id, user_id, version, from_seq, read_seq, joined_at, changed_at)
		select p.id, p.u, 1, 0, 0, clock_timestamp(), clock_timestamp()
		from unnest($2::text[], $3::text[]) p (id, u) join c on c.conversation_id = p.id order by 1, 2
		returning conversation_id, user_id`, sorted(ids), of, users).Query(func(rows pgx.Rows) error {
		var o Opened
		_, err := pgx.ForEachRow(rows, []any{&o.Conversation, &o.User}, func() error {
			o.By, o.Version = pairs[o.Conversation].Sender, 1
			p.opened = append(p.opened, o)
			return nil
		})
		return err
	})
}

// lock locks the conversations, in the order of their ids.
func (p *posting) lock(batch *pgx.Batch) {
	var ids []string
	for _, d := range p.parcels {
		ids = append(ids, d.conversation)
	}
	batch.Queue(`
		select conversation_id, kind, last_seq, version, member_count, dissolved_at is not null from message.conversation
		where conversation_id = any($1::text[]) order by conversation_id for no key update`, sorted(ids)).Query(func(rows pgx.Rows) error {
		var r Room
		_, err := pgx.ForEachRow(rows, []any{&r.Conversation, &r.Kind, &r.LastSeq, &r.Version, &r.Members, &r.Dissolved}, func() error {
			p.rooms[r.Conversation] = r
			return nil
		})
		return err
	})
}

// look reads, in statements behind the one that waited for the locks, who may
// speak and what was said before. The offset keeps a look-up by the key whatever
// the statistics say. Thirty years of being muted are as many as a duration holds.
func (p *posting) look(batch *pgx.Batch) {
	n := len(p.parcels)
	conversations, senders, ids := make([]string, n), make([]string, n), make([]string, n)
	for i, d := range p.parcels {
		conversations[i], senders[i], ids[i] = d.conversation, d.Sender, d.ClientMsgID
	}
	batch.Queue(`
		select m.* from unnest($1::text[], $2::text[]) k (c, u) cross join lateral (
			select conversation_id, user_id, least(coalesce(extract(epoch from muted_until - clock_timestamp()), 0), 1e9)::float8
			from message.member where conversation_id = k.c and user_id = k.u and left_seq is null offset 0) m`,
		conversations, senders).Query(func(rows pgx.Rows) error {
		var s seat
		var muted float64
		_, err := pgx.ForEachRow(rows, []any{&s.conversation, &s.user, &muted}, func() error {
			p.speakers[s] = speaker{muted: time.Duration(muted * float64(time.Second))}
			return nil
		})
		return err
	})
	batch.Queue(`
		select m.* from unnest($1::text[], $2::text[]) k (s, i) cross join lateral (
			select sender_id, client_msg_id, payload_hash, seq, created_at
			from message.message where sender_id = k.s and client_msg_id = k.i offset 0) m`,
		senders, ids).Query(func(rows pgx.Rows) error {
		var id once
		var s said
		_, err := pgx.ForEachRow(rows, []any{&id.sender, &id.clientMsgID, &s.hash, &s.seq, &s.at}, func() error {
			p.known[id] = s
			return nil
		})
		return err
	})
}

// spans are the fresh messages of each conversation, in the order of their ids.
func (p *posting) spans() []Stretch {
	at := map[string]int{}
	var spans []Stretch
	for i, v := range p.verdicts {
		if !v.fresh {
			continue
		}
		c := p.parcels[i].conversation
		n, ok := at[c]
		if !ok {
			n, at[c] = len(spans), len(spans)
			spans = append(spans, Stretch{Conversation: c, First: v.seq})
		}
		spans[n].Last = v.seq
	}
	slices.SortFunc(spans, func(a, b Stretch) int { return strings.Compare(a.Conversation, b.Conversation) })
	return spans
}

// insert stores the fresh messages, in the order in which their uniqueness is
// locked: two batches with drafts in common, crossed, wait and do not deadlock.
func (p *posting) insert(batch *pgx.Batch) {
	var conversations, senders, ids, kinds, bodies []string
	var seqs []int64
	var hashes [][]byte
	for i, v := range p.verdicts {
		if d := p.parcels[i]; v.fresh {
			conversations, seqs, senders, ids = append(conversations, d.conversation), append(seqs, v.seq), append(senders, d.Sender), append(ids, d.ClientMsgID)
			hashes, kinds, bodies = append(hashes, d.hash), append(kinds, d.Kind), append(bodies, d.body)
		}
	}
	batch.Queue(`
		with t as materialized (select clock_timestamp() at)
		insert into message.message (conversation_id, seq, sender_id, client_msg_id, payload_hash, kind, body, created_at)
		select c, s, u, i, h, k, b, t.at
		from t, unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::text[]) d (c, s, u, i, h, k, b)
		order by u, i returning sender_id, client_msg_id, created_at`,
		conversations, seqs, senders, ids, hashes, kinds, bodies).Query(func(rows pgx.Rows) error {
		var id once
		var s said
		_, err := pgx.ForEachRow(rows, []any{&id.sender, &id.clientMsgID, &s.at}, func() error {
			p.known[id] = s
			return nil
		})
		return err
	})
}

func advance(batch *pgx.Batch, spans []Stretch) {
	conversations, lasts := make([]string, len(spans)), make([]int64, len(spans))
	for i, s := range spans {
		conversations[i], lasts[i] = s.Conversation, s.Last
	}
	batch.Queue(`
		update message.conversation v set last_seq = d.s, active_at = clock_timestamp()
		from unnest($1::text[], $2::bigint[]) d (c, s) where v.conversation_id = d.c`, conversations, lasts)
}

// answers are what the verdicts say, after the commit: a message or a fault for
// each parcel, and the messages that are new, in their order.
func (p *posting) answers() (posted []Posted, errs []error, fresh []Posted) {
	posted, errs = make([]Posted, len(p.parcels)), make([]error, len(p.parcels))
	for i, v := range p.verdicts {
		if errs[i] = v.err; v.err != nil {
			continue
		}
		d := p.parcels[i]
		if v.at.IsZero() {
			v.at = p.known[once{d.Sender, d.ClientMsgID}].at
		}
		posted[i] = Posted{
			Message: Message{
				Conversation: d.conversation, Seq: v.seq, ID: IDOf(d.Sender, d.ClientMsgID), ClientMsgID: d.ClientMsgID,
				From: d.Sender, SentAt: v.at.UTC(), Kind: d.Kind, Body: []byte(d.body),
			},
			Duplicate: !v.fresh, Version: p.rooms[d.conversation].Version, Socket: d.Socket,
		}
		if v.fresh {
			fresh = append(fresh, posted[i])
		}
	}
	return posted, errs, fresh
}

// told are the conversations that the transaction opened, with their last seq.
func (p *posting) told() []Opened {
	last := map[string]int64{}
	for _, s := range p.spans() {
		last[s.Conversation] = s.Last
	}
	for i, o := range p.opened {
		p.opened[i].LastSeq = last[o.Conversation]
	}
	return p.opened
}
