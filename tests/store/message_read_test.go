package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/fault"
	"bazaar/shared/message"
	"bazaar/shared/pg"
	"bazaar/tests/support"
)

// unread are the seqs of a conversation that the classic table calls unread.
func (h *hall) unread(t *testing.T, user, conversation string) []int64 {
	t.Helper()
	rows, err := h.Query(t.Context(), `select seq from message.inbox where user_id = $1 and conversation_id = $2 and status = 0 order by seq`, user, conversation)
	must(t, err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	must(t, err)
	return list
}

// TestMarkingReadMarksWhatWasPulled: a message comes between the pull and the
// mark. It stays unread; and the classic table cannot be told to call all read.
func TestMarkingReadMarksWhatWasPulled(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c := h.found(t, "alice", "bob")
	h.talk(t, "alice", c, 3)
	h.say(t, text("bob", c, "mine"))
	pulled := h.unread(t, "bob", c)
	if !slices.Equal(pulled, []int64{1, 2, 3}) {
		t.Fatalf("unread are %v", pulled)
	}
	h.talk(t, "alice", c, 1) // in between
	mark, err := h.Read(t.Context(), h, "bob", c, slices.Max(pulled))
	if err != nil || !mark.Moved || mark.Seq != 3 {
		t.Errorf("%+v %v", mark, err)
	}
	if got := h.unread(t, "bob", c); !slices.Equal(got, []int64{5}) {
		t.Errorf("unread are %v", got)
	}
	if _, err := h.Exec(t.Context(), `update message.inbox set status = 1 where user_id = 'bob' and status = 0`); !pg.IsCode(err, "55000") {
		t.Errorf("all was called read: %v", err)
	}
	var body, sender string
	var status int
	var at time.Time
	must(t, h.QueryRow(t.Context(), `select message_body, status, create_time, sender_id from message.inbox where user_id = 'bob' and seq = 1`).Scan(&body, &status, &at, &sender))
	if status != 1 || sender != "alice" || time.Since(at) > time.Minute || body[:9] != `{"text":"` {
		t.Errorf("%s %d %s %s", body, status, at, sender)
	}
}

// TestAReadCursorOnlyMovesForward, whoever moves it at once, and never beyond the
// last message.
func TestAReadCursorOnlyMovesForward(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c := h.found(t, "alice", "bob")
	h.talk(t, "alice", c, 50)
	ctx, stop := context.WithCancel(t.Context())
	var watching, reading sync.WaitGroup
	watching.Go(func() {
		for last := 0; ctx.Err() == nil; {
			at := 0
			err := h.QueryRow(t.Context(), `select read_seq from message.member where conversation_id = $1 and user_id = 'bob'`, c).Scan(&at)
			if err != nil || at < last {
				t.Errorf("%d, and then %d, %v", last, at, err)
				return
			}
			last = at
		}
	})
	for range 6 {
		reading.Go(func() {
			for range 60 {
				seq := rand.Int64N(45) + 1
				mark, err := h.Read(t.Context(), h, "bob", c, seq)
				if err != nil || mark.Seq < seq || mark.Seq > 45 {
					t.Errorf("%d: %+v %v", seq, mark, err)
				}
			}
		})
	}
	reading.Wait()
	stop()
	watching.Wait()
	for _, s := range []struct{ seq, want int64 }{{46, 46}, {1000, 50}, {0, 50}, {3, 50}} {
		mark, err := h.Read(t.Context(), h, "bob", c, s.seq)
		if err != nil || mark.Seq != s.want || mark.Moved != (s.seq > 45) || mark.Kind != message.Group || mark.Members != 2 || mark.Version == 0 {
			t.Errorf("%d: %+v %v", s.seq, mark, err)
		}
	}
	support.MustHold(t, h)
}

// TestWhoReadsLessMeanwhileMovesNothingBack: a cursor is moved far by one device
// between the look of another and its move.
func TestWhoReadsLessMeanwhileMovesNothingBack(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c := h.found(t, "alice", "bob")
	h.talk(t, "alice", c, 50)
	tx, err := h.Begin(t.Context())
	must(t, err)
	_, err = h.Read(t.Context(), tx, "bob", c, 40)
	must(t, err)
	behind := make(chan message.Mark, 1)
	go func() {
		m, err := h.Read(t.Context(), h, "bob", c, 10)
		if err != nil {
			t.Error(err)
		}
		behind <- m
	}()
	h.waiting(t, 1)
	must(t, tx.Commit(t.Context()))
	if m := <-behind; m.Seq != 40 {
		t.Errorf("it is told to be at %d", m.Seq)
	}
	if n := h.count(t, `select read_seq from message.member where user_id = 'bob'`); n != 40 {
		t.Errorf("it is at %d", n)
	}
}

// TestReceiptsAreOfWhoCouldRead: without the sender, without who came later, and
// without names where there are too many.
func TestReceiptsAreOfWhoCouldRead(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	var many []string
	for i := range message.MaxReceipts - 2 {
		many = append(many, fmt.Sprintf("u%03d", i))
	}
	c := h.found(t, "alice", append(many, "bob")...)
	h.talk(t, "alice", c, 2)
	receipts := func(seq int64, want message.Receipts) {
		t.Helper()
		got, err := h.Receipts(t.Context(), h, "alice", c, seq)
		if err != nil || got.Read != want.Read || got.Members != want.Members || !slices.Equal(got.Users, want.Users) || (got.Users == nil) != (want.Users == nil) {
			t.Errorf("%d: %+v %v, want %+v", seq, got, err, want)
		}
	}
	read := func(user string, seq int64) {
		t.Helper()
		_, err := h.Read(t.Context(), h, user, c, seq)
		must(t, err)
	}
	receipts(1, message.Receipts{Members: 200, Users: []string{}})
	read("alice", 2)
	read("u001", 1)
	read("bob", 2)
	receipts(1, message.Receipts{Read: 2, Members: 200, Users: []string{"bob", "u001"}})
	receipts(2, message.Receipts{Read: 1, Members: 200, Users: []string{"bob"}})
	h.add(t, c, "late")
	receipts(1, message.Receipts{Read: 2, Members: 201})
	h.remove(t, c, "bob")
	h.remove(t, c, "u002")
	receipts(1, message.Receipts{Read: 1, Members: 199, Users: []string{"u001"}})
	for _, seq := range []int64{0, 3} {
		if _, err := h.Receipts(t.Context(), h, "alice", c, seq); !fault.Is(err, "invalid_seq") {
			t.Errorf("%d: %v", seq, err)
		}
	}
}

// TestConversationsAreListedByTheirActivity, page by page, with what a list shows.
func TestConversationsAreListedByTheirActivity(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	group := h.found(t, "alice", "bob")
	empty := h.found(t, "bob")
	var want []string
	for i := range 5 {
		peer := fmt.Sprintf("peer%d", i)
		h.say(t, letter(peer, "bob", "1"))
		h.say(t, letter("bob", peer, peer))
		want = append([]string{message.DirectID("bob", peer)}, want...)
	}
	h.talk(t, "alice", group, 3)
	want = append(append([]string{group}, want...), empty)
	var got []message.Conversation
	for after := ""; ; {
		list, next, err := h.List(t.Context(), h, "bob", after, 3)
		must(t, err)
		got = append(got, list...)
		if after = next; next == "" {
			break
		}
	}
	for i, c := range got {
		if i >= len(want) || c.ID != want[i] {
			t.Fatalf("%d: %+v", i, c)
		}
		switch {
		case c.ID == group:
			if c.Kind != message.Group || c.Peer != "" || c.Unread != 3 || c.LastSeq != 3 || c.Last == nil || c.Last.Seq != 3 {
				t.Errorf("%+v", c)
			}
		case c.ID == empty:
			if c.Last != nil || c.Unread != 0 || c.ActiveAt.IsZero() {
				t.Errorf("%+v", c)
			}
		default:
			if c.Kind != message.Direct || c.Peer[:4] != "peer" || c.Unread != 1 || c.ReadSeq != 0 || c.Last == nil || c.Last.From != "bob" {
				t.Errorf("%+v", c)
			}
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d of %d are listed", len(got), len(want))
	}
	if _, _, err := h.List(t.Context(), h, "bob", "!", 3); !fault.Is(err, "invalid_cursor") {
		t.Errorf("%v", err)
	}
	_, err := h.Read(t.Context(), h, "bob", group, 2)
	must(t, err)
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	h.under(t, group, func(ctx context.Context, tx pgx.Tx, r *message.Room) error {
		return h.Mute(ctx, tx, r, "bob", until)
	})
	if list, _, err := h.List(t.Context(), h, "bob", "", 1); err != nil || list[0].Unread != 1 || list[0].ReadSeq != 2 || !list[0].MutedUntil.Equal(until) {
		t.Errorf("%+v %v", list, err)
	}
}

// TestUnreadIsExactUpToABound: what is far behind is not counted to the end.
func TestUnreadIsExactUpToABound(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c := h.found(t, "alice", "bob")
	h.talk(t, "alice", c, 990)
	h.talk(t, "bob", c, 5)
	for _, s := range []struct {
		more   int
		unread int64
	}{{0, 990}, {5, 995}, {20, 995}} {
		h.talk(t, "alice", c, s.more)
		list, _, err := h.List(t.Context(), h, "bob", "", 5)
		if err != nil || list[0].Unread != s.unread {
			t.Errorf("%d unread, want %d, %v", list[0].Unread, s.unread, err)
		}
	}
}
