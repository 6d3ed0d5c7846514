package store_test

import (
	"context"
	"errors"
	"fmt"
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

// TestWhoIsOutSeesNothing: not what comes, not what was, by no way of asking.
func TestWhoIsOutSeesNothing(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c := h.found(t, "alice", "bob")
	h.talk(t, "alice", c, 3)
	h.remove(t, c, "bob")
	h.talk(t, "alice", c, 2)
	ctx := t.Context()
	for _, user := range []string{"bob", "mallory"} {
		_, _, history := h.History(ctx, h, user, c, 0, 10)
		_, read := h.Read(ctx, h, user, c, 5)
		_, receipts := h.Receipts(ctx, h, user, c, 1)
		_, _, roster := h.Roster(ctx, h, user, c, "", 10)
		_, belongs := h.Belongs(ctx, h, user, c)
		_, recall := h.recall(t, c, user, 1, nil)
		for what, err := range map[string]error{"history": history, "read": read, "receipts": receipts, "roster": roster, "belongs": belongs, "recall": recall} {
			if !fault.Is(err, "not_found") {
				t.Errorf("%s by %s: %v", what, user, err)
			}
		}
		synced := h.sync(t, user, 50, map[string]int64{c: 3})
		list, _, err := h.List(ctx, h, user, "", 10)
		must(t, err)
		seats, err := h.Seats(ctx, h, []string{user})
		must(t, err)
		if len(synced.Pages)+len(list)+len(seats) != 0 || !slices.Equal(synced.Removed, []string{c}) {
			t.Errorf("%s: synced %+v, listed %v, seated %v", user, synced, list, seats)
		}
	}
	if n := h.count(t, `select count(*) from message.inbox where user_id = 'bob'`); n != 0 {
		t.Errorf("the classic table has %d", n)
	}
	// Nor do the others see who is out.
	roster, _, err := h.Roster(ctx, h, "alice", c, "", 10)
	must(t, err)
	all, err := h.Users(ctx, h, []string{c})
	users := all[c]
	must(t, err)
	members, err := h.Members(ctx, h, c, []string{"alice", "bob"})
	must(t, err)
	if _, alice := members["alice"]; len(roster) != 1 || !slices.Equal(users, []string{"alice"}) || len(members) != 1 || !alice {
		t.Errorf("in it are %+v, %v, %v", roster, users, members)
	}
}

// TestWhoComesSeesFromThere, also again, and has read what was before.
func TestWhoComesSeesFromThere(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c := h.found(t, "alice")
	h.talk(t, "alice", c, 3)
	for _, from := range []int64{3, 8} {
		h.add(t, c, "bob")
		h.add(t, c, "bob") // who is there already stays as it is
		list, next, err := h.History(t.Context(), h, "bob", c, 0, 10)
		if err != nil || len(list) != 0 || next != 0 {
			t.Errorf("from %d: %s %d %v", from, seqs(list), next, err)
		}
		if got := h.sync(t, "bob", 50, map[string]int64{c: 1}); len(got.Pages) != 1 || len(got.Pages[0].Messages) != 0 || got.Pages[0].Gap != nil || got.Pages[0].LastSeq != from {
			t.Errorf("from %d: %+v", from, got)
		}
		if list, _, err := h.List(t.Context(), h, "bob", "", 10); err != nil || len(list) != 1 || list[0].Last != nil || list[0].Unread != 0 {
			t.Errorf("from %d: %+v %v", from, list, err)
		}
		h.talk(t, "alice", c, 2)
		want := fmt.Sprint(from+2, from+1)
		if list, next, err = h.History(t.Context(), h, "bob", c, 0, 10); err != nil || seqs(list) != want || next != 0 {
			t.Errorf("from %d: %s %d %v", from, seqs(list), next, err)
		}
		if list, _, err := h.List(t.Context(), h, "bob", "", 10); err != nil || len(list) != 1 || list[0].Unread != 2 {
			t.Errorf("from %d: %+v %v", from, list, err)
		}
		if n := h.count(t, `select count(*) from message.inbox where user_id = 'bob' and seq > $1`, from); n != 2 || n != h.count(t, `select count(*) from message.inbox where user_id = 'bob'`) {
			t.Errorf("from %d: the classic table has others, or %d", from, n)
		}
		if _, err := h.Receipts(t.Context(), h, "bob", c, from); !fault.Is(err, "invalid_seq") {
			t.Errorf("receipts of what was before: %v", err)
		}
		h.remove(t, c, "bob")
		h.talk(t, "alice", c, 3)
	}
	support.MustHold(t, h)
}

// TestWhoComesBackIsAsNew: neither what it was, nor that it was muted, comes along.
func TestWhoComesBackIsAsNew(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c := h.found(t, "alice", "bob")
	h.under(t, c, func(ctx context.Context, tx pgx.Tx, r *message.Room) error {
		return errors.Join(h.SetRole(ctx, tx, r, "bob", message.Admin), h.Mute(ctx, tx, r, "bob", time.Now().Add(time.Hour)))
	})
	h.remove(t, c, "bob")
	h.add(t, c, "bob")
	found, err := h.Members(t.Context(), h, c, []string{"bob"})
	if bob := found["bob"]; err != nil || bob.Role != message.Plain || !bob.MutedUntil.IsZero() {
		t.Errorf("%+v %v", bob, err)
	}
	h.say(t, text("bob", c, "1"))
}

// TestEveryChangeOfMembersIsAVersion, and connectors can ask for those since one
// that they know.
func TestEveryChangeOfMembersIsAVersion(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c := h.found(t, "alice", "bob", "carol")
	h.talk(t, "alice", c, 4)
	known, changes, err := h.ChangesSince(t.Context(), h, c, 0)
	if err != nil || len(changes) != 3 || known.LastSeq != 4 {
		t.Fatalf("%+v %+v %v", known, changes, err)
	}
	at := known.Version
	since := func(want ...message.Change) {
		t.Helper()
		head, got, err := h.ChangesSince(t.Context(), h, c, at)
		slices.SortFunc(got, func(a, b message.Change) int { return int(a.Version - b.Version) })
		if err != nil || head.Version != at+int64(len(want)) || !slices.Equal(got, want) {
			t.Errorf("since %d: %+v %+v %v, want %+v", at, head, got, err, want)
		}
		at = head.Version
	}
	since()
	h.remove(t, c, "bob", "mallory")
	since(message.Change{Conversation: c, User: "bob", Version: at + 1, Gone: true})
	h.remove(t, c, "bob")
	since() // who is out cannot be removed
	h.add(t, c, "bob", "bob", "carol")
	since(message.Change{Conversation: c, User: "bob", Version: at + 1, From: 4})
	h.under(t, c, func(ctx context.Context, tx pgx.Tx, r *message.Room) error {
		return errors.Join(h.SetRole(ctx, tx, r, "alice", message.Admin), h.SetRole(ctx, tx, r, "carol", message.Owner))
	})
	since(message.Change{Conversation: c, User: "alice", Version: at + 1}, message.Change{Conversation: c, User: "carol", Version: at + 2})
	h.under(t, c, func(ctx context.Context, tx pgx.Tx, r *message.Room) error {
		if err := h.SetRole(ctx, tx, r, "mallory", message.Admin); !fault.Is(err, "not_found") {
			t.Errorf("a stranger's role: %v", err)
		}
		if err := h.Mute(ctx, tx, r, "mallory", time.Now()); !fault.Is(err, "not_found") {
			t.Errorf("a stranger is muted: %v", err)
		}
		return nil
	})
	since()
	h.talk(t, "alice", c, 1)
	heads, err := h.Heads(t.Context(), h, []string{c, "g_nowhere"})
	if want := (message.Head{Version: at, LastSeq: 5}); err != nil || len(heads) != 1 || heads[c] != want {
		t.Errorf("%+v %v", heads, err)
	}
	seats, err := h.Seats(t.Context(), h, []string{"bob", "nobody"})
	if want := (message.Seat{User: "bob", Conversation: c, Version: at, From: 4, LastSeq: 5}); err != nil || len(seats) != 1 || seats[0] != want {
		t.Errorf("%+v %v", seats, err)
	}
	if head, changes, err := h.ChangesSince(t.Context(), h, "g_nowhere", 0); err != nil || head != (message.Head{}) || len(changes) != 0 {
		t.Errorf("nowhere: %+v %v %v", head, changes, err)
	}
}

// TestAGroupIsFullAtItsBound, also when many come at once.
func TestAGroupIsFullAtItsBound(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	var first []string
	for i := range message.MaxMembers - 11 {
		first = append(first, fmt.Sprintf("u%d", i))
	}
	c := h.found(t, "alice", first...)
	var coming sync.WaitGroup
	var mu sync.Mutex
	came, refused := 0, 0
	for i := range 8 {
		coming.Go(func() {
			err := h.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
				r, err := h.Lock(ctx, tx, c)
				if err != nil {
					return err
				}
				_, err = h.Add(ctx, tx, &r, message.Plain, []string{fmt.Sprintf("a%d", i), fmt.Sprintf("b%d", i), fmt.Sprintf("c%d", i), "u1"})
				return err
			})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				came++
			case fault.Is(err, "group_full") && fault.KindOf(err) == fault.Conflict:
				refused++
			default:
				t.Error(err)
			}
		})
	}
	coming.Wait()
	if n := h.count(t, `select member_count from message.conversation where conversation_id = $1`, c); came != 3 || refused != 5 || n != message.MaxMembers-1 {
		t.Errorf("%d came, %d were refused, %d are in it", came, refused, n)
	}
	h.pages(t, c, message.MaxMembers-1)
	err := h.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := h.Store.Open(ctx, tx, message.NewGroupID(), "alice", append(first, "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"))
		return err
	})
	if !fault.Is(err, "group_full") {
		t.Errorf("opened with too many: %v", err)
	}
	support.MustHold(t, h)
}

// pages reads the members of a conversation page by page: n of them, each once.
func (h *hall) pages(t *testing.T, conversation string, n int) {
	t.Helper()
	pages, after := 0, ""
	var all []string
	for {
		list, next, err := h.Roster(t.Context(), h, "alice", conversation, after, 1000)
		must(t, err)
		for _, m := range list {
			all = append(all, m.User)
		}
		if pages++; next == "" {
			break
		}
		after = next
	}
	by, err := h.Users(t.Context(), h, []string{conversation})
	users := by[conversation]
	slices.Sort(users)
	slices.Sort(all)
	if err != nil || pages != n/1000+1 || !slices.Equal(all, users) || len(slices.Compact(all)) != n {
		t.Errorf("%d pages of %d members, %v", pages, len(all), err)
	}
}

// TestThereIsOneOwner: the database holds it, whoever forgets to take the role away.
func TestThereIsOneOwner(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c := h.found(t, "alice", "bob")
	err := h.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		r, err := h.Lock(ctx, tx, c)
		must(t, err)
		return h.SetRole(ctx, tx, &r, "bob", message.Owner)
	})
	if !pg.IsCode(err, "23505") {
		t.Errorf("two owners: %v", err)
	}
}

// TestADissolvedConversationIsOver for everybody, also for who waited to speak.
func TestADissolvedConversationIsOver(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c := h.found(t, "alice", "bob")
	h.say(t, text("bob", c, "1"))
	tx, err := h.Begin(t.Context())
	must(t, err)
	r, err := h.Lock(t.Context(), tx, c)
	must(t, err)
	gone, err := h.Dissolve(t.Context(), tx, &r)
	if err != nil || !slices.Equal(gone, []string{"alice", "bob"}) || r.Members != 0 || !r.Dissolved {
		t.Errorf("%v %+v %v", gone, r, err)
	}
	answer := make(chan error, 1)
	go func() {
		_, err := h.Post(t.Context(), text("bob", c, "2"))
		answer <- err
	}()
	h.waiting(t, 1)
	must(t, tx.Commit(t.Context()))
	if err := <-answer; !fault.Is(err, "not_found") {
		t.Errorf("%v", err)
	}
	if p, err := h.Post(t.Context(), text("bob", c, "1")); err != nil || !p.Duplicate {
		t.Errorf("what was said: %+v %v", p, err)
	}
	err = h.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := h.Lock(ctx, tx, c)
		return err
	})
	if !fault.Is(err, "not_found") {
		t.Errorf("locked: %v", err)
	}
	if got := h.sync(t, "alice", 50, map[string]int64{c: 1}); !slices.Equal(got.Removed, []string{c}) {
		t.Errorf("%+v", got)
	}
}

// TestGroupsAreListedByTheirID, and a direct conversation is none.
func TestGroupsAreListedByTheirID(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	var want []string
	for range 5 {
		want = append(want, h.found(t, "alice", "bob"))
	}
	slices.Sort(want)
	h.say(t, letter("alice", "bob", "1"))
	h.add(t, want[2], "carol")
	h.remove(t, want[4], "alice")
	var got []string
	after := ""
	for {
		list, next, err := h.Groups(t.Context(), h, "alice", after, 2)
		must(t, err)
		for _, b := range list {
			got = append(got, b.Room.Conversation)
			if b.Member.User != "alice" || b.Member.Role != message.Owner || b.Room.Kind != message.Group || b.Member.JoinedAt.IsZero() || !b.Member.MutedUntil.IsZero() {
				t.Errorf("%+v", b)
			}
		}
		if next == "" {
			break
		}
		after = next
	}
	if !slices.Equal(got, want[:4]) {
		t.Errorf("%v, want %v", got, want[:4])
	}
	if n, err := h.CountGroups(t.Context(), h, "alice"); err != nil || n != 4 {
		t.Errorf("%d, %v", n, err)
	}
	b, err := h.Belongs(t.Context(), h, "carol", want[2])
	if err != nil || b.Room.Members != 3 || b.Member.Role != message.Plain || b.Room.Version != b.Member.Version {
		t.Errorf("%+v %v", b, err)
	}
	if _, err := h.Belongs(t.Context(), h, "alice", message.DirectID("alice", "bob")); !fault.Is(err, "not_found") {
		t.Errorf("a direct conversation as a group: %v", err)
	}
}
