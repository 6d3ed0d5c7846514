package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/message"
)

// TestTheSweepTellsOfAllSinceItsMark: of what has just changed, of what was
// committed late, and after an absence of all that was said in it.
func TestTheSweepTellsOfAllSinceItsMark(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	old, fresh := h.found(t, "alice", "bob"), h.found(t, "alice", "bob")
	h.talk(t, "alice", old, 2)
	h.talk(t, "alice", fresh, 3)
	h.remove(t, fresh, "bob")
	age := func(conversation, by string) {
		t.Helper()
		mustExec(t, h, `update message.message set created_at = created_at - $2::interval where conversation_id = $1`, conversation, by)
		mustExec(t, h, `update message.member set changed_at = changed_at - $2::interval where conversation_id = $1`, conversation, by)
	}
	age(old, "60 seconds")
	mark := func(by string) {
		t.Helper()
		mustExec(t, h, `update message.sweep set swept_to = clock_timestamp() - $1::interval`, by)
	}
	mark("0 seconds")
	got, err := h.Changed(t.Context(), h)
	must(t, err)
	head, ok := got.Heads.Heads[fresh]
	if !ok || head.LastSeq != 3 || len(got.Heads.Heads) != 1 || len(got.Members) != 2 {
		t.Fatalf("%+v", got)
	}
	var bob message.Change
	for _, m := range got.Members {
		if m.User == "bob" {
			bob = m
		}
	}
	if want := (message.Change{Conversation: fresh, User: "bob", Version: head.Version, Gone: true}); bob != want {
		t.Errorf("%+v, want %+v", bob, want)
	}
	// Without the mark, what was told is told again; with it, after a while no more.
	if again, err := h.Changed(t.Context(), h); err != nil || len(again.Heads.Heads) != 1 || !again.Until.After(got.Until) {
		t.Errorf("%+v %v", again, err)
	}
	must(t, h.Swept(t.Context(), h, got.Until))
	age(fresh, "16 seconds")
	if later, err := h.Changed(t.Context(), h); err != nil || len(later.Heads.Heads) != 0 || len(later.Members) != 0 {
		t.Errorf("%+v %v", later, err)
	}
	// A sweep that was away for a minute tells of that minute.
	mark("65 seconds")
	if away, err := h.Changed(t.Context(), h); err != nil || len(away.Heads.Heads) != 2 || len(away.Members) != 4 {
		t.Errorf("%+v %v", away, err)
	}
	// The mark never goes back, however late somebody sets it.
	must(t, h.Swept(t.Context(), h, got.Until.Add(time.Hour)))
	must(t, h.Swept(t.Context(), h, got.Until))
	var at time.Time
	must(t, h.QueryRow(t.Context(), `select swept_to from message.sweep`).Scan(&at))
	if !at.Equal(got.Until.Add(time.Hour)) {
		t.Errorf("the mark is at %s", at)
	}
}

// TestTheSweepTellsOfWhatWasCommittedLate: a removal, or a message, whose
// transaction began long before it wrote, or that was written before the mark
// and committed after it.
func TestTheSweepTellsOfWhatWasCommittedLate(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c := h.found(t, "alice", "bob")
	h.talk(t, "alice", c, 1)
	mustExec(t, h, `update message.member set changed_at = now() - interval '1 hour'`)
	mustExec(t, h, `update message.message set created_at = now() - interval '1 hour'`)
	tx, err := h.Begin(t.Context())
	must(t, err)
	r, err := h.Lock(t.Context(), tx, c)
	must(t, err)
	_, err = h.Remove(t.Context(), tx, &r, []string{"bob"})
	must(t, err)
	before, err := h.Changed(t.Context(), h)
	must(t, err)
	must(t, h.Swept(t.Context(), h, before.Until))
	if len(before.Members)+len(before.Heads.Heads) != 0 {
		t.Errorf("before the commit: %+v", before)
	}
	must(t, tx.Commit(t.Context()))
	if after, err := h.Changed(t.Context(), h); err != nil || len(after.Members) != 1 || !after.Members[0].Gone {
		t.Errorf("after it: %+v %v", after, err)
	}
	mustExec(t, h, `update message.member set changed_at = now() - interval '1 hour'`)
	// Who comes is told of too, which is how a new conversation is found.
	must(t, h.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		r, err := h.Lock(ctx, tx, c)
		must(t, err)
		_, err = h.Add(ctx, tx, &r, message.Plain, []string{"carol"})
		return err
	}))
	h.say(t, letter("dave", "erin", "1"))
	got, err := h.Changed(t.Context(), h)
	must(t, err)
	seen := map[string]message.Change{}
	for _, m := range got.Members {
		seen[m.User] = m
	}
	if carol := seen["carol"]; carol.From != 1 || carol.Gone || carol.Conversation != c {
		t.Errorf("%+v", carol)
	}
	direct := message.DirectID("dave", "erin")
	if seen["erin"].Conversation != direct || got.Heads.Heads[direct].LastSeq != 1 {
		t.Errorf("%+v", got)
	}
}

// TestEveryChangeBearsItsOwnTime, not that at which its transaction began: one
// that waited for the lock began too early for the sweep.
func TestEveryChangeBearsItsOwnTime(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c := h.found(t, "alice", "bob", "carol")
	h.remove(t, c, "carol")
	for name, change := range map[string]func(ctx context.Context, tx pgx.Tx, r *message.Room) error{
		"added": func(ctx context.Context, tx pgx.Tx, r *message.Room) error {
			_, err := h.Add(ctx, tx, r, message.Plain, []string{"dave"})
			return err
		},
		"again": func(ctx context.Context, tx pgx.Tx, r *message.Room) error {
			_, err := h.Add(ctx, tx, r, message.Plain, []string{"carol"})
			return err
		},
		"removed": func(ctx context.Context, tx pgx.Tx, r *message.Room) error {
			_, err := h.Remove(ctx, tx, r, []string{"bob"})
			return err
		},
		"role": func(ctx context.Context, tx pgx.Tx, r *message.Room) error {
			return h.SetRole(ctx, tx, r, "bob", message.Admin)
		},
		"muted": func(ctx context.Context, tx pgx.Tx, r *message.Room) error {
			return h.Mute(ctx, tx, r, "bob", time.Now())
		},
		"dissolved": func(ctx context.Context, tx pgx.Tx, r *message.Room) error {
			_, err := h.Dissolve(ctx, tx, r)
			return err
		},
	} {
		err := h.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
			r, err := h.Lock(ctx, tx, c)
			if err != nil {
				return err
			}
			if err := change(ctx, tx, &r); err != nil {
				return err
			}
			var own bool
			if err := tx.QueryRow(ctx, `select changed_at > now() from message.member where version = $1`, r.Version).Scan(&own); err != nil || !own {
				t.Errorf("%s: the change bears its own time: %t, %v", name, own, err)
			}
			return errGivenUp // each begins where the others did
		})
		if !errors.Is(err, errGivenUp) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
