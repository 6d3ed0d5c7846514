package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/fault"
	"bazaar/shared/group"
	"bazaar/shared/message"
	"bazaar/shared/pg"
	"bazaar/tests/support"
)

// TestAGroupIsMadeWithItsConversation or not at all.
func TestAGroupIsMadeWithItsConversation(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	groups := group.Store{}
	id := message.NewGroupID()
	create := func(title string) (made group.Group, err error) {
		err = h.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
			if _, err := h.Store.Open(ctx, tx, id, "alice", []string{"bob"}); err != nil {
				return err
			}
			made, err = groups.Create(ctx, tx, group.Group{ID: id, Title: title, CreatedBy: "alice"})
			return err
		})
		return made, err
	}
	if _, err := create(""); !pg.IsCode(err, "23514") {
		t.Errorf("without a title: %v", err)
	}
	if n := h.count(t, `select count(*) from message.conversation`); n != 0 {
		t.Error("its conversation was left")
	}
	made, err := create("龙井 🍵")
	if err != nil || made.Title != "龙井 🍵" || made.Open || made.CreatedBy != "alice" || time.Since(made.CreatedAt) > time.Minute {
		t.Fatalf("%+v %v", made, err)
	}
	title, open := "Tea", true
	for _, c := range []struct {
		title *string
		open  *bool
		want  group.Group
	}{
		{nil, nil, made},
		{&title, nil, group.Group{ID: id, Title: "Tea", CreatedBy: "alice", CreatedAt: made.CreatedAt}},
		{nil, &open, group.Group{ID: id, Title: "Tea", Open: true, CreatedBy: "alice", CreatedAt: made.CreatedAt}},
	} {
		if got, err := groups.Change(t.Context(), h, id, c.title, c.open); err != nil || got != c.want {
			t.Errorf("%+v %v, want %+v", got, err, c.want)
		}
	}
	if _, err := groups.Change(t.Context(), h, "g_nowhere", &title, nil); !fault.Is(err, "not_found") {
		t.Errorf("nowhere: %v", err)
	}
	found, err := groups.ByIDs(t.Context(), h, []string{id, "g_nowhere"})
	if err != nil || len(found) != 1 || found[id].Title != "Tea" || !found[id].Open {
		t.Errorf("%+v %v", found, err)
	}
	support.MustHold(t, h)
}
