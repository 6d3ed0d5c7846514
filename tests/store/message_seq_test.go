package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/fault"
	"bazaar/shared/message"
	"bazaar/shared/pg"
	"bazaar/tests/support"
)

// TestSeqsAreDenseInTheOrderOfCommits: fifty senders at once in one group by two
// processes, of whose transactions a fifth is given up when all is done. Whoever
// looks meanwhile never sees a message before the one before it.
func TestSeqsAreDenseInTheOrderOfCommits(t *testing.T) {
	t.Parallel()
	const senders, each = 50, 12
	h := newHall(t)
	var members []string
	for i := range senders {
		members = append(members, fmt.Sprintf("user%d", i))
	}
	c := h.found(t, "owner", members...)
	giveUp := func() bool { return rand.IntN(5) == 0 }
	doors := []door{h.open(t, giveUp), h.open(t, giveUp)}
	ctx, stop := context.WithCancel(t.Context())
	var watching, sending sync.WaitGroup
	looks := 0
	watching.Go(func() {
		for ; ctx.Err() == nil; looks++ {
			var count, highest int64
			err := h.QueryRow(t.Context(), `select count(*), coalesce(max(seq), 0) from message.message where conversation_id = $1`, c).Scan(&count, &highest)
			if err != nil || count != highest {
				t.Errorf("%d messages up to %d, %v", count, highest, err)
				return
			}
		}
	})
	for i := range senders {
		sending.Go(func() {
			last := int64(0)
			for n := range each {
				for {
					p, err := doors[(i+n)%2].Post(t.Context(), text(members[i], c, fmt.Sprint(n)))
					if errors.Is(err, errGivenUp) {
						continue
					}
					if err != nil || p.Seq <= last {
						t.Errorf("%s, %d: %d after %d, %v", members[i], n, p.Seq, last, err)
						return
					}
					last = p.Seq
					break
				}
			}
		})
	}
	sending.Wait()
	stop()
	watching.Wait()
	if n := h.count(t, `select last_seq from message.conversation where conversation_id = $1`, c); n != senders*each || looks < 10 {
		t.Errorf("%d messages, %d looks", n, looks)
	}
	support.MustHold(t, h)
}

// TestAConversationIsToldInItsOrder, however many are stored at once and in
// however few transactions.
func TestAConversationIsToldInItsOrder(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	rooms := []string{h.found(t, "alice"), h.found(t, "alice"), h.found(t, "alice")}
	var sending sync.WaitGroup
	for i := range 30 {
		sending.Go(func() {
			for n := range 10 {
				h.say(t, text("alice", rooms[(i+n)%3], fmt.Sprintf("%d-%d", i, n)))
			}
		})
	}
	sending.Wait()
	next := map[string]string{}
	for _, n := range h.ear.notes {
		first, last := n.Header.Get(message.HeaderFirst), n.Header.Get(message.HeaderLast)
		if want := next[n.Subject]; want != "" && want != first {
			t.Errorf("%s: %s came when %s was next", n.Subject, first, want)
		}
		var to int
		_, err := fmt.Sscan(last, &to)
		must(t, err)
		next[n.Subject] = fmt.Sprint(to + 1)
	}
	for _, c := range rooms {
		if got := next[message.SentSubject(c)]; got != "101" {
			t.Errorf("%s: the next is %s", c, got)
		}
	}
}

// late is a store whose first transaction is committed, and says so only when it is let.
type late struct {
	*pg.Pool
	first     atomic.Bool
	committed chan struct{}
	let       chan struct{}
}

func (l *late) AskAndWrite(ctx context.Context, ask func(*pgx.Batch), write func(*pgx.Batch) error) error {
	err := l.Pool.AskAndWrite(ctx, ask, write)
	if !l.first.Swap(true) {
		close(l.committed)
		<-l.let
	}
	return err
}

// TestWhatIsStoredLaterIsToldLater: while a worker has not told of what it has
// stored in a conversation, no other stores something there. Other conversations
// do not wait.
func TestWhatIsStoredLaterIsToldLater(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c, other := h.found(t, "alice"), h.found(t, "alice")
	slow := &late{Pool: h.Pool, committed: make(chan struct{}), let: make(chan struct{})}
	p := message.NewPoster(slow, h.announcer, 3)
	var all sync.WaitGroup
	post := func(id string) {
		all.Go(func() {
			if _, err := p.Post(t.Context(), text("alice", c, id)); err != nil {
				t.Error(err)
			}
		})
	}
	post("1")
	<-slow.committed
	post("2")
	if _, err := p.Post(t.Context(), text("alice", other, "other")); err != nil {
		t.Error(err)
	}
	if n := h.count(t, `select last_seq from message.conversation where conversation_id = $1`, c); n != 1 {
		t.Errorf("%d messages are stored before the first is told of", n)
	}
	close(slow.let)
	all.Wait()
	must(t, p.Close(t.Context()))
	if got, want := h.ear.subjects(), []string{message.SentSubject(other), message.SentSubject(c), message.SentSubject(c)}; !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
	for i, n := range h.ear.notes[1:] {
		if n.Header.Get(message.HeaderFirst) != fmt.Sprint(i+1) {
			t.Errorf("%s is told as number %d", n.Header.Get(message.HeaderFirst), i+1)
		}
	}
}

// TestAMessageBearsTheTimeAtWhichItIsWritten, not that at which it began to wait:
// the sweep looks for it behind its mark.
func TestAMessageBearsTheTimeAtWhichItIsWritten(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c := h.found(t, "alice")
	tx, err := h.Begin(t.Context())
	must(t, err)
	_, err = h.Lock(t.Context(), tx, c)
	must(t, err)
	sent := make(chan message.Posted, 1)
	go func() {
		p, err := h.Post(t.Context(), text("alice", c, "1"))
		if err != nil {
			t.Error(err)
		}
		sent <- p
	}()
	h.waiting(t, 1)
	var released time.Time
	must(t, h.QueryRow(t.Context(), `select clock_timestamp()`).Scan(&released))
	must(t, tx.Commit(t.Context()))
	if p := <-sent; !p.SentAt.After(released) {
		t.Errorf("written at %s, after %s", p.SentAt, released)
	}
}

// TestWhoIsRemovedMeanwhileSaysNothingMore: a removal, or a muting, is committed
// while a message waits for the conversation. It was asked for before, and must
// be judged by what is after.
func TestWhoIsRemovedMeanwhileSaysNothingMore(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c := h.found(t, "alice", "bob", "carol")
	tx, err := h.Begin(t.Context())
	must(t, err)
	r, err := h.Lock(t.Context(), tx, c)
	must(t, err)
	_, err = h.Remove(t.Context(), tx, &r, []string{"bob"})
	must(t, err)
	must(t, h.Mute(t.Context(), tx, &r, "carol", time.Now().Add(time.Hour)))
	_, err = h.Add(t.Context(), tx, &r, message.Plain, []string{"dave"})
	must(t, err)
	type answer struct {
		posted []message.Posted
		errs   []error
	}
	answers := make(chan answer, 1)
	go func() {
		posted, errs := h.PostAll(t.Context(), []message.Draft{text("bob", c, "1"), text("carol", c, "1"), text("dave", c, "1"), text("alice", c, "1")})
		answers <- answer{posted, errs}
	}()
	h.waiting(t, 1)
	must(t, tx.Commit(t.Context()))
	got := <-answers
	if !fault.Is(got.errs[0], "not_found") || !fault.Is(got.errs[1], "muted") {
		t.Errorf("bob: %v, carol: %v", got.errs[0], got.errs[1])
	}
	if f := fault.Of(got.errs[1]); f == nil || f.RetryAfter < 50*time.Minute || f.RetryAfter > time.Hour {
		t.Errorf("carol is muted for another time: %+v", f)
	}
	if got.errs[2] != nil || got.errs[3] != nil || got.posted[2].Seq != 1 || got.posted[3].Version != r.Version {
		t.Errorf("%+v, want version %d", got, r.Version)
	}
}

// A duplicate is answered as it was, also to who may not speak any more: the
// message is there.
func TestWhatWasSaidIsAnsweredToWhoIsGone(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c := h.found(t, "alice", "bob", "carol")
	drafts := []message.Draft{text("bob", c, "1"), text("carol", c, "1")}
	for _, d := range drafts {
		h.say(t, d)
	}
	h.remove(t, c, "bob")
	h.under(t, c, func(ctx context.Context, tx pgx.Tx, r *message.Room) error {
		return h.Mute(ctx, tx, r, "carol", time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))
	})
	for i, d := range drafts {
		if p, err := h.Post(t.Context(), d); err != nil || !p.Duplicate || p.Seq != int64(i+1) {
			t.Errorf("%s: %+v, %v", d.Sender, p, err)
		}
		d.ClientMsgID = "2"
		if _, err := h.Post(t.Context(), d); !fault.Is(err, []string{"not_found", "muted"}[i]) {
			t.Errorf("%s: %v", d.Sender, err)
		}
	}
	h.under(t, c, func(ctx context.Context, tx pgx.Tx, r *message.Room) error {
		return h.Mute(ctx, tx, r, "carol", time.Time{})
	})
	h.say(t, text("carol", c, "2"))
}

// TestADirectConversationIsOpenedOnce by whoever writes first, and both hear of it
// before they hear the message.
func TestADirectConversationIsOpenedOnce(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	doors := []door{h.door, h.open(t, nil)}
	var all sync.WaitGroup
	for i := range 40 {
		for who, d := range doors {
			all.Go(func() {
				pair := []string{"alice", fmt.Sprintf("bob%d", i)}
				d.say(t, letter(pair[who], pair[1-who], fmt.Sprint(i)))
			})
		}
	}
	all.Wait()
	if n := h.count(t, `select count(*) from message.conversation where kind = 'direct' and last_seq = 2 and member_count = 2`); n != 40 {
		t.Errorf("%d conversations of two messages", n)
	}
	told := map[string]int{}
	for _, d := range doors {
		for _, s := range d.ear.subjects() {
			told[s]++
		}
	}
	for i := range 40 {
		bob := fmt.Sprintf("bob%d", i)
		if told["group.changed."+bob] != 1 || told[message.SentSubject(message.DirectID("alice", bob))] != 2 {
			t.Errorf("%s: told %v", bob, told)
		}
	}
	if told["group.changed.alice"] != 40 {
		t.Errorf("alice heard of %d", told["group.changed.alice"])
	}
	fresh := newHall(t)
	fresh.say(t, letter("alice", "bob", "1"))
	if got := fresh.ear.subjects(); len(got) != 3 || got[2] != message.SentSubject(message.DirectID("alice", "bob")) {
		t.Errorf("told %v", got)
	}
	support.MustHold(t, h)
}
