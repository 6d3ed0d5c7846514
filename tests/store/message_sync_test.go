package store_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"bazaar/shared/fault"
	"bazaar/shared/message"
	"bazaar/tests/support"
)

// sync asks for what a user lacks by cursors.
func (h *hall) sync(t *testing.T, user string, limit int, cursors map[string]int64) message.Synced {
	t.Helper()
	c := message.Cursors{Seqs: cursors, Limit: limit}
	must(t, c.Validate())
	got, err := h.Sync(t.Context(), h, user, c, func(ctx context.Context, spans []message.Span) ([]message.Message, error) {
		return h.Between(ctx, h, spans)
	})
	must(t, err)
	return got
}

// TestSyncGivesWhatIsLacking, with the gap below the newest page, and nothing of
// what is not lacking.
func TestSyncGivesWhatIsLacking(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c := h.found(t, "alice", "bob")
	quiet := h.found(t, "alice", "bob")
	h.talk(t, "alice", c, 10)
	for _, s := range []struct {
		cursors  map[string]int64
		limit    int
		messages string
		gap      *message.Gap
	}{
		{nil, 50, "1 2 3 4 5 6 7 8 9 10", nil},
		{map[string]int64{c: 0}, 50, "1 2 3 4 5 6 7 8 9 10", nil},
		{map[string]int64{c: 7}, 50, "8 9 10", nil},
		{map[string]int64{c: 7}, 3, "8 9 10", nil},
		{map[string]int64{c: 7}, 2, "9 10", &message.Gap{From: 8, To: 8}},
		{map[string]int64{c: 2}, 1, "10", &message.Gap{From: 3, To: 9}},
		{nil, 2, "9 10", &message.Gap{From: 1, To: 8}},
	} {
		got := h.sync(t, "bob", s.limit, s.cursors)
		if len(got.Pages) != 2 || got.Pages[0].Conversation != c || len(got.Pages[1].Messages) != 0 || len(got.Removed) != 0 {
			t.Fatalf("%v: %+v", s.cursors, got)
		}
		p := got.Pages[0]
		if seqs(p.Messages) != s.messages || !reflect.DeepEqual(p.Gap, s.gap) || p.LastSeq != 10 || p.Kind != message.Group {
			t.Errorf("%v, %d: %s, gap %+v, want %s, %+v", s.cursors, s.limit, seqs(p.Messages), p.Gap, s.messages, s.gap)
		}
	}
	for _, cursor := range []int64{10, 11, 1 << 40} {
		got := h.sync(t, "bob", 50, map[string]int64{c: cursor, quiet: 0, "g_nowhere": 3})
		if len(got.Pages) != 0 || !slices.Equal(got.Removed, []string{"g_nowhere"}) {
			t.Errorf("at %d: %+v", cursor, got)
		}
	}
	m := h.sync(t, "bob", 1, nil).Pages[0].Messages[0]
	if m.From != "alice" || m.Kind != "text" || m.ID != message.IDOf("alice", m.ClientMsgID) || m.SentAt.IsZero() || !m.RecalledAt.IsZero() || len(m.Body) < 10 {
		t.Errorf("%+v", m)
	}
}

// TestSyncTellsOfRecalls of what the client has, for some days, and shows what it
// does not have as recalled.
func TestSyncTellsOfRecalls(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c := h.found(t, "alice", "bob")
	h.talk(t, "alice", c, 6)
	h.add(t, c, "carol")
	h.talk(t, "alice", c, 1)
	for _, seq := range []int64{2, 3, 5} {
		if _, err := h.recall(t, c, "alice", seq, nil); err != nil {
			t.Fatal(err)
		}
	}
	mustExec(t, h, `update message.message set created_at = now() - interval '9 days', recalled_at = now() - interval '8 days' where seq = 2`)
	got := h.sync(t, "bob", 50, map[string]int64{c: 4})
	if len(got.Pages) != 1 || !slices.Equal(got.Pages[0].Recalled, []int64{3}) || seqs(got.Pages[0].Messages) != "5 6 7" {
		t.Fatalf("%+v", got)
	}
	if m := got.Pages[0].Messages[0]; string(m.Body) != "{}" || m.RecalledAt.IsZero() || m.Kind != "text" {
		t.Errorf("%+v", m)
	}
	if got := h.sync(t, "bob", 50, map[string]int64{c: 7}); len(got.Pages) != 1 || !slices.Equal(got.Pages[0].Recalled, []int64{3, 5}) || got.Pages[0].Gap != nil {
		t.Errorf("with all: %+v", got)
	}
	if got := h.sync(t, "carol", 50, map[string]int64{c: 7}); len(got.Pages) != 0 {
		t.Errorf("who came later: %+v", got)
	}
	// Of very many the latest.
	h.talk(t, "alice", c, 110)
	mustExec(t, h, `update message.message set body = '{}', recalled_by = 'alice', recalled_at = now() - seq * interval '1 second' where seq > 7`)
	got = h.sync(t, "bob", 50, map[string]int64{c: 117})
	if r := got.Pages[0].Recalled; len(r) != 100 || slices.Max(r) > 107 {
		t.Errorf("%d recalls: %v", len(r), r)
	}
}

// TestALongAbsenceIsCaughtUp: ten thousand messages in two hundred conversations.
// The first answer is bounded, and the same when asked again; the gaps lead to
// all of them.
func TestALongAbsenceIsCaughtUp(t *testing.T) {
	t.Parallel()
	const conversations, each, limit = 200, 50, 20
	h := newHall(t)
	var drafts []message.Draft
	for i := range conversations {
		for n := range each {
			d := letter(fmt.Sprintf("user%d", i), "bob", fmt.Sprintf("%d-%d", i, n))
			d.Body = fmt.Appendf(nil, `{"text":"%0400d"}`, n)
			drafts = append(drafts, d)
		}
	}
	for part := range slices.Chunk(drafts, 2000) {
		_, errs := h.PostAll(t.Context(), part)
		must(t, errors.Join(errs...))
	}
	began := time.Now()
	first := h.sync(t, "bob", limit, nil)
	took := time.Since(began)
	got, bytes := 0, 0
	for _, p := range first.Pages {
		got += len(p.Messages)
		for _, m := range p.Messages {
			bytes += len(m.Body)
		}
		if lacking := each - len(p.Messages); p.Gap == nil || *p.Gap != (message.Gap{From: 1, To: int64(lacking)}) {
			t.Fatalf("%d messages, gap %+v", len(p.Messages), p.Gap)
		}
	}
	t.Logf("%d conversations, %d messages of %d bytes in %s", len(first.Pages), got, bytes, took)
	// Statements of 64 conversations, until there is a MiB.
	const more = 64 * limit * 411 // bytes of a statement
	if len(first.Pages) != conversations || bytes < 1<<20 || bytes > 1<<20+more || took > 5*time.Second {
		t.Errorf("%d conversations, %d bytes in %s", len(first.Pages), bytes, took)
	}
	for range 2 {
		if again := h.sync(t, "bob", limit, nil); !reflect.DeepEqual(first, again) {
			t.Error("asked again it answers something else")
		}
	}
	for _, p := range first.Pages[:3] {
		before, all := p.Gap.To+1, seqs(p.Messages)
		for before > 0 {
			list, next, err := h.History(t.Context(), h, "bob", p.Conversation, before, 17)
			must(t, err)
			slices.Reverse(list)
			all, before = seqs(list)+" "+all, next
		}
		if want := fmt.Sprint(numbers(each)); "["+all+"]" != want {
			t.Errorf("all of it: %s", all)
		}
	}
	support.MustHold(t, h)
}

// numbers are 1 to n.
func numbers(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i + 1
	}
	return all
}

// TestLongBodiesAreCutFromTheOldEnd: what goes beyond a MiB is left out, never
// from the middle, and history goes on where it was cut.
func TestLongBodiesAreCutFromTheOldEnd(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	c, later := h.found(t, "alice", "bob"), h.found(t, "alice", "bob")
	var drafts []message.Draft
	for i := range 80 {
		d := text("alice", c, fmt.Sprint(i))
		d.Body = fmt.Appendf(nil, `{"text":"%0*d"}`, message.MaxBody-11, i)
		drafts = append(drafts, d)
	}
	_, errs := h.PostAll(t.Context(), drafts)
	must(t, errors.Join(errs...))
	h.talk(t, "alice", later, 1)
	got := h.sync(t, "bob", 100, nil)
	if len(got.Pages) != 2 || len(got.Pages[0].Messages) != 1 || got.Pages[0].Conversation != later {
		t.Fatalf("%d pages", len(got.Pages))
	}
	page := got.Pages[1]
	if n := len(page.Messages); n != 64 || page.Gap == nil || *page.Gap != (message.Gap{From: 1, To: 16}) || page.Messages[0].Seq != 17 {
		t.Errorf("%d messages, gap %+v", n, page.Gap)
	}
	list, next, err := h.History(t.Context(), h, "bob", c, 0, 100)
	if err != nil || len(list) != 64 || next != 17 {
		t.Fatalf("%d messages, then before %d, %v", len(list), next, err)
	}
	list, next, err = h.History(t.Context(), h, "bob", c, next, 100)
	if err != nil || len(list) != 16 || next != 0 {
		t.Errorf("%d messages, then before %d, %v", len(list), next, err)
	}
}

func TestCursorsAreChecked(t *testing.T) {
	t.Parallel()
	many := map[string]int64{}
	for i := range message.MaxCursors + 1 {
		many[fmt.Sprint(i)] = 1
	}
	for name, c := range map[string]struct {
		cursors message.Cursors
		code    string
	}{
		"too many":  {message.Cursors{Seqs: many, Limit: 1}, "invalid_cursor"},
		"negative":  {message.Cursors{Seqs: map[string]int64{"a": -1}, Limit: 1}, "invalid_cursor"},
		"no id":     {message.Cursors{Seqs: map[string]int64{"a b": 1}, Limit: 1}, "invalid_cursor"},
		"no limit":  {message.Cursors{}, "invalid_limit"},
		"too long":  {message.Cursors{Limit: 101}, "invalid_limit"},
		"good ones": {message.Cursors{Seqs: map[string]int64{"a": 0}, Limit: 100}, ""},
	} {
		if err := c.cursors.Validate(); (err == nil) != (c.code == "") || err != nil && !fault.Is(err, c.code) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
