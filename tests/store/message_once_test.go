package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bazaar/shared/fault"
	"bazaar/shared/message"
	"bazaar/shared/pg"
	"bazaar/tests/support"
)

// TestTheSameActTwiceIsOneMessage: two processes are given the same 1,000 acts at
// the same time, in opposite orders. Both answer each with the same place.
func TestTheSameActTwiceIsOneMessage(t *testing.T) {
	t.Parallel()
	const acts = 1000
	h := newHall(t)
	c := h.found(t, "alice", "bob")
	doors := []door{h.door, h.open(t, nil)}
	got := make([][]message.Posted, len(doors))
	var all sync.WaitGroup
	for i, d := range doors {
		got[i] = make([]message.Posted, acts)
		for part := range 8 {
			all.Go(func() {
				for n := part; n < acts; n += 8 {
					act := n
					if i == 1 {
						act = acts - 1 - n
					}
					p, err := d.Post(t.Context(), text([]string{"alice", "bob"}[act%2], c, fmt.Sprint(act)))
					if err != nil {
						t.Errorf("act %d: %v", act, err)
					}
					got[i][act] = p
				}
			})
		}
	}
	all.Wait()
	for act := range acts {
		a, b := got[0][act], got[1][act]
		if a.Seq != b.Seq || a.ID != b.ID || !a.SentAt.Equal(b.SentAt) || a.Duplicate == b.Duplicate {
			t.Errorf("act %d: %+v and %+v", act, a, b)
		}
	}
	if n := h.count(t, `select last_seq from message.conversation where conversation_id = $1`, c); n != acts {
		t.Errorf("%d messages", n)
	}
	support.MustHold(t, h)
}

// TestTheSameIDForSomethingElseIsRefused, in the same batch and later, in the same
// conversation and in another, and for another sender it is another id.
func TestTheSameIDForSomethingElseIsRefused(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c, other := h.found(t, "alice", "bob"), h.found(t, "alice", "bob")
	first := text("alice", c, "1")
	changed, elsewhere := first, first
	changed.Body, elsewhere.Conversation = []byte(`{"text":"something else"}`), other
	posted, errs := h.PostAll(t.Context(), []message.Draft{first, changed, first, elsewhere, text("bob", c, "1")})
	if errs[0] != nil || errs[2] != nil || errs[4] != nil || !posted[2].Duplicate || posted[2].Seq != 1 || posted[4].Seq != 2 || posted[2].SentAt.IsZero() {
		t.Errorf("%+v %v", posted, errs)
	}
	for i, d := range []message.Draft{changed, elsewhere} {
		_, again := h.Post(t.Context(), d)
		for _, err := range []error{errs[2*i+1], again} {
			if fault.KindOf(err) != fault.Mismatch || !fault.Is(err, "client_msg_id_reused") {
				t.Errorf("%s: %v", d.Body, err)
			}
		}
	}
	spaced := first
	spaced.Body = []byte("{ \"text\" : \"1\" }\n")
	if p, err := h.Post(t.Context(), spaced); err != nil || !p.Duplicate {
		t.Errorf("with other blanks: %+v %v", p, err)
	}
	if n := h.count(t, `select count(*) from message.message`); n != 2 {
		t.Errorf("%d messages", n)
	}
}

// TestATwinElsewhereIsFound: somebody stores the same id in another conversation
// between our asking and our writing. It is found with others in the batch, and
// where it is alone.
func TestATwinElsewhereIsFound(t *testing.T) {
	t.Parallel()
	for _, others := range [][]message.Draft{{text("bob", "", "1")}, nil} {
		t.Run(fmt.Sprintf("with %d others", len(others)), func(t *testing.T) {
			t.Parallel()
			twinElsewhere(t, others)
		})
	}
}

func twinElsewhere(t *testing.T, drafts []message.Draft) {
	h := newHall(t)
	c := h.found(t, "alice", "bob")
	for i := range drafts {
		drafts[i].Conversation = c
	}
	drafts = append(drafts, text("alice", c, "1"))
	tx, err := h.Begin(t.Context())
	must(t, err)
	defer tx.Rollback(context.Background()) //nolint:errcheck // the commit below counts
	mustExec(t, h, `insert into message.conversation (conversation_id, kind) values ('g_elsewhere', 'direct')`)
	_, err = tx.Exec(t.Context(), `insert into message.message (conversation_id, seq, sender_id, client_msg_id, payload_hash, kind, body, created_at)
		values ('g_elsewhere', 1, 'alice', '1', '\x00', 'text', '{}', now())`)
	must(t, err)
	answers := make(chan error, 1)
	go func() {
		_, errs := h.PostAll(t.Context(), drafts)
		last := len(errs) - 1
		if err := errors.Join(errs[:last]...); err != nil {
			t.Errorf("the other of the batch: %v", err)
		}
		answers <- errs[last]
	}()
	eventually(t, "it waits, or is stored beside the other", func() bool {
		return len(answers) > 0 || h.count(t, `select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`) == 1
	})
	must(t, tx.Commit(t.Context()))
	if err := <-answers; !fault.Is(err, "client_msg_id_reused") {
		t.Errorf("%v", err)
	}
}

// TestBatchesWithActsInCommonDoNotDeadlock: two processes have the same acts for
// different conversations, in opposite orders, and are both held up between the
// first and the last. One waits for the other and is then refused.
func TestBatchesWithActsInCommonDoNotDeadlock(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	rooms := []string{h.found(t, "alice", "bob"), h.found(t, "alice", "bob")}
	doors := []door{h.door, h.open(t, nil)}
	tx, err := h.Begin(t.Context())
	must(t, err)
	_, err = tx.Exec(t.Context(), `insert into message.message (conversation_id, seq, sender_id, client_msg_id, payload_hash, kind, body, created_at)
		values ('g_middle', 1, 'alice', '2', '\x00', 'text', '{}', now())`)
	must(t, err)
	results := make(chan []error, 2)
	for i, d := range doors {
		var drafts []message.Draft
		for _, id := range []string{"1", "2", "3"} {
			drafts = append(drafts, text("alice", rooms[i], id))
		}
		if i == 1 {
			slices.Reverse(drafts)
		}
		go func() {
			_, errs := d.PostAll(t.Context(), drafts)
			results <- errs
		}()
	}
	h.waiting(t, 2)
	must(t, tx.Rollback(t.Context()))
	stored := 0
	for range doors {
		errs := <-results
		for _, err := range errs {
			switch {
			case err == nil:
				stored++
			case !fault.Is(err, "client_msg_id_reused"):
				t.Error(err)
			}
		}
	}
	if stored != 3 {
		t.Errorf("%d of three acts were stored", stored)
	}
}

// TestOneAtFaultFailsAlone: a batch that fails for another reason than that the
// store is away is stored draft by draft.
func TestOneAtFaultFailsAlone(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c := h.found(t, "alice", "bob")
	var transactions atomic.Int32
	d := h.open(t, func() bool { n := transactions.Add(1); return n == 1 || n == 3 }) // all of them, and the second of them
	posted, errs := d.PostAll(t.Context(), []message.Draft{text("alice", c, "1"), text("alice", c, "2"), text("bob", c, "3")})
	if errs[0] != nil || !errors.Is(errs[1], errGivenUp) || errs[2] != nil || posted[0].Seq != 1 || posted[2].Seq != 2 {
		t.Errorf("%+v %v", posted, errs)
	}
	if n := transactions.Load(); n != 4 {
		t.Errorf("%d transactions", n)
	}
	support.MustHold(t, h)
}

// TestWhoStopsWaitingKnowsWhatIsKnown: a draft that nobody has taken up is not
// stored; of another nobody can say, and the same again tells.
func TestWhoStopsWaitingKnowsWhatIsKnown(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c := h.found(t, "alice", "bob")
	tx, err := h.Begin(t.Context())
	must(t, err)
	_, err = h.Lock(t.Context(), tx, c)
	must(t, err)
	short, cancel := context.WithCancel(t.Context())
	inHand := make(chan error, 1)
	go func() {
		_, err := h.Post(short, text("alice", c, "1"))
		inHand <- err
	}()
	h.waiting(t, 1)
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := h.Post(gone, text("alice", c, "2")); fault.KindOf(err) != fault.Unavailable || errors.Is(err, pg.ErrOutcomeUnknown) {
		t.Errorf("waiting: %v", err)
	}
	cancel()
	if err := <-inHand; fault.KindOf(err) != fault.Unavailable || !errors.Is(err, pg.ErrOutcomeUnknown) {
		t.Errorf("in hand: %v", err)
	}
	must(t, tx.Rollback(t.Context()))
	if p, err := h.Post(t.Context(), text("alice", c, "1")); err != nil || !p.Duplicate || p.Seq != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := h.Post(t.Context(), text("alice", c, "2")); err != nil || p.Duplicate || p.Seq != 2 {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestManyDraftsOfOneCall are stored in their order, one that is refused aside.
func TestManyDraftsOfOneCall(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c := h.found(t, "alice", "bob")
	var drafts []message.Draft
	for i := range 700 {
		drafts = append(drafts, text("alice", c, fmt.Sprint(i)))
	}
	drafts[300].Kind = "?"
	began := time.Now()
	posted, errs := h.PostAll(t.Context(), drafts)
	want := int64(0)
	for i, p := range posted {
		if i == 300 {
			if !fault.Is(errs[i], "invalid_kind") {
				t.Errorf("%v", errs[i])
			}
			continue
		}
		want++
		if errs[i] != nil || p.Seq != want {
			t.Fatalf("draft %d: %d, %v", i, p.Seq, errs[i])
		}
	}
	if n := h.count(t, `select count(*) from outbox.event where type = 'message.stored'`); n < 3 || n > 6 {
		t.Errorf("%d transactions for 699 messages, in %s", n, time.Since(began))
	}
	if _, err := h.Post(t.Context(), text("mallory", c, "1")); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a stranger: %v", err)
	}
	if _, err := h.Post(t.Context(), text("alice", "g_nowhere", "x")); fault.KindOf(err) != fault.NotFound {
		t.Errorf("nowhere: %v", err)
	}
	must(t, h.door.Close(t.Context()))
	if _, err := h.Post(t.Context(), text("alice", c, "late")); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("closed: %v", err)
	}
}
