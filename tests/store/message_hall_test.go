package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/bus"
	"bazaar/shared/group"
	"bazaar/shared/message"
	"bazaar/shared/pg"
	"bazaar/tests/support"
)

// hall is a database in which people talk. What is told of it is noted.
type hall struct {
	*pg.Pool
	message.Store
	settings pg.Settings
	door
}

// door is one process that stores messages.
type door struct {
	*message.Poster
	announcer *message.Announcer
	ear       *noted
	deadlocks *atomic.Int64
}

// noted is a bus that notes what it was told.
type noted struct {
	mu          sync.Mutex
	notes       []bus.Note
	away        bool   // Tell fails
	deaf        bool   // Flush fails
	connections uint64 // that it has had
	flushes     int
}

func (n *noted) Tell(notes ...bus.Note) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.away {
		return errors.New("no connection")
	}
	n.notes = append(n.notes, notes...)
	return nil
}

func (n *noted) Flush(context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.flushes++
	if n.away || n.deaf {
		return errors.New("no answer")
	}
	return nil
}

func (n *noted) Connections() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.connections
}

// set changes the bus under its lock.
func (n *noted) set(change func(*noted)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(n)
}

// subjects are those of all notes, in their order.
func (n *noted) subjects() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []string
	for _, note := range n.notes {
		all = append(all, note.Subject)
	}
	return all
}

// watched is a store that counts deadlocks, and gives up some transactions whose
// work is done.
type watched struct {
	*pg.Pool
	deadlocks *atomic.Int64
	giveUp    func() bool
}

// errGivenUp is of a transaction that was given up.
var errGivenUp = errors.New("given up")

func (w watched) AskAndWrite(ctx context.Context, ask func(*pgx.Batch), write func(*pgx.Batch) error) error {
	tries := 0
	err := w.Pool.AskAndWrite(ctx, func(b *pgx.Batch) { tries++; ask(b) }, func(b *pgx.Batch) error {
		err := write(b)
		if err == nil && w.giveUp != nil && w.giveUp() {
			b.Queue(`select 1/0`)
		}
		return err
	})
	w.deadlocks.Add(int64(tries - 1)) // the only reason to try again
	if pg.IsCode(err, "22012") {
		return errGivenUp
	}
	return err
}

func newHall(t *testing.T) *hall {
	t.Helper()
	s := support.PostgresSettings(t)
	h := &hall{Pool: support.OpenPostgres(t, s), settings: s}
	h.door = h.open(t, nil)
	return h
}

// open is one more process, with a pool of its own, that gives up a transaction
// where giveUp, if any, says so. Its announcer does not run.
func (h *hall) open(t *testing.T, giveUp func() bool) door {
	t.Helper()
	pool := support.OpenPostgres(t, h.settings)
	d := door{ear: &noted{}, deadlocks: &atomic.Int64{}}
	d.announcer = message.NewAnnouncer(d.ear, pool, message.AnnouncerSettings{Opened: func(o message.Opened) bus.Note {
		return group.Changed{Conversation: o.Conversation, Version: o.Version, LastSeq: o.LastSeq, By: o.By}.Note(o.User)
	}})
	d.Poster = message.NewPoster(watched{pool, d.deadlocks, giveUp}, d.announcer, 3)
	t.Cleanup(func() {
		if err := d.Close(deadline(t, 20*time.Second)); err != nil {
			t.Error(err)
		}
		if n := d.deadlocks.Load(); n > 0 {
			t.Errorf("%d deadlocks", n)
		}
	})
	return d
}

// found opens a group.
func (h *hall) found(t *testing.T, owner string, members ...string) string {
	t.Helper()
	id := message.NewGroupID()
	must(t, h.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		if _, err := h.Open(ctx, tx, id, owner, members); err != nil {
			return err
		}
		_, err := group.Store{}.Create(ctx, tx, group.Group{ID: id, Title: "Tea", CreatedBy: owner})
		return err
	}))
	return id
}

// under runs f under the lock of a conversation.
func (h *hall) under(t *testing.T, conversation string, f func(ctx context.Context, tx pgx.Tx, r *message.Room) error) {
	t.Helper()
	must(t, h.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		r, err := h.Lock(ctx, tx, conversation)
		if err != nil {
			return err
		}
		return f(ctx, tx, &r)
	}))
}

func (h *hall) add(t *testing.T, conversation string, users ...string) {
	t.Helper()
	h.under(t, conversation, func(ctx context.Context, tx pgx.Tx, r *message.Room) error {
		_, err := h.Add(ctx, tx, r, message.Plain, users)
		return err
	})
}

func (h *hall) remove(t *testing.T, conversation string, users ...string) {
	t.Helper()
	h.under(t, conversation, func(ctx context.Context, tx pgx.Tx, r *message.Room) error {
		_, err := h.Remove(ctx, tx, r, users)
		return err
	})
}

// text is a draft.
func text(sender, conversation, id string) message.Draft {
	return message.Draft{Sender: sender, Conversation: conversation, ClientMsgID: id, Kind: "text", Body: fmt.Appendf(nil, `{"text":%q}`, id)}
}

// letter is a draft for a user.
func letter(sender, to, id string) message.Draft {
	d := text(sender, "", id)
	d.To = to
	return d
}

// say posts a draft that must be stored, and gives its seq.
func (d door) say(t *testing.T, draft message.Draft) int64 {
	t.Helper()
	p, err := d.Post(t.Context(), draft)
	if err != nil {
		t.Fatalf("%s to %s%s: %v", draft.Sender, draft.Conversation, draft.To, err)
	}
	return p.Seq
}

// talk says n messages in a conversation.
func (d door) talk(t *testing.T, sender, conversation string, n int) {
	t.Helper()
	drafts := make([]message.Draft, n)
	for i := range drafts {
		drafts[i] = text(sender, conversation, fmt.Sprintf("%s-%s-%d", conversation, message.NewGroupID()[:10], i))
	}
	_, errs := d.PostAll(t.Context(), drafts)
	must(t, errors.Join(errs...))
}

// seqs are those of messages, for comparing.
func seqs(list []message.Message) string {
	var all []string
	for _, m := range list {
		all = append(all, fmt.Sprint(m.Seq))
	}
	return strings.Join(all, " ")
}

// count is a number that the store has.
func (h *hall) count(t *testing.T, sql string, args ...any) int {
	t.Helper()
	var n int
	if err := h.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// waiting waits until n transactions wait for a lock.
func (h *hall) waiting(t *testing.T, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d wait for a lock", n), func() bool {
		return h.count(t, `select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`) == n
	})
}
