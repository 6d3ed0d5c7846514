package store_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/fault"
	"bazaar/shared/message"
	"bazaar/tests/support"
)

// recall takes a message back, as far as may, if any, lets it.
func (h *hall) recall(t *testing.T, conversation, by string, seq int64, may func(string, bool) error) (message.Message, error) {
	t.Helper()
	if may == nil {
		may = func(string, bool) error { return nil }
	}
	var m message.Message
	err := h.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		r, err := h.Lock(ctx, tx, conversation)
		if err != nil {
			return err
		}
		m, err = h.Recall(ctx, tx, &r, seq, by, may)
		return err
	})
	return m, err
}

// TestARecallTakesBackWhatWasSaid, and neither its place, nor that it was said.
func TestARecallTakesBackWhatWasSaid(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c := h.found(t, "alice", "bob")
	for _, id := range []string{"1", "2", "3"} {
		h.say(t, text("alice", c, id))
	}
	h.add(t, c, "carol")
	asked := map[bool]string{}
	ask := func(sender string, recent bool) error { asked[recent] = sender; return nil }
	first, err := h.recall(t, c, "alice", 2, ask)
	if err != nil || string(first.Body) != "{}" || first.RecalledAt.IsZero() || first.Seq != 2 || first.Kind != "text" || first.ClientMsgID != "2" || asked[true] != "alice" {
		t.Errorf("%+v %v, asked %v", first, err, asked)
	}
	never := func(string, bool) error { t.Error("it was asked once more"); return nil }
	if again, err := h.recall(t, c, "alice", 2, never); err != nil || !again.RecalledAt.Equal(first.RecalledAt) {
		t.Errorf("%+v %v", again, err)
	}
	mustExec(t, h, `update message.message set created_at = created_at - interval '121 seconds' where seq in (1, 2)`)
	no := errors.New("too late")
	refuse := func(sender string, recent bool) error {
		if sender != "alice" || recent {
			t.Errorf("of %s, recent %t", sender, recent)
		}
		return no
	}
	for _, seq := range []int64{1, 2} {
		if _, err := h.recall(t, c, "bob", seq, refuse); !errors.Is(err, no) {
			t.Errorf("%d: %v", seq, err)
		}
	}
	if again, err := h.recall(t, c, "bob", 2, nil); err != nil || !again.RecalledAt.Equal(first.RecalledAt) {
		t.Errorf("by another: %+v %v", again, err)
	}
	for _, gone := range []struct {
		by  string
		seq int64
	}{{"carol", 3}, {"mallory", 3}, {"alice", 4}, {"alice", 0}} {
		if _, err := h.recall(t, c, gone.by, gone.seq, nil); !fault.Is(err, "not_found") {
			t.Errorf("%d by %s: %v", gone.seq, gone.by, err)
		}
	}
	// The act is still the same one.
	if p, err := h.Post(t.Context(), text("alice", c, "2")); err != nil || !p.Duplicate || p.Seq != 2 {
		t.Errorf("%+v %v", p, err)
	}
	list, _, err := h.History(t.Context(), h, "bob", c, 0, 10)
	if err != nil || seqs(list) != "3 2 1" || string(list[1].Body) != "{}" || string(list[2].Body) != `{"text":"1"}` {
		t.Errorf("%+v %v", list, err)
	}
	support.MustHold(t, h)
}
