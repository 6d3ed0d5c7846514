package chat

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

// said is the message of a seq.
func said(seq int64) Message {
	return Message{Conversation: "c", Seq: seq, From: "bob", Kind: "text", SentAt: start(), Body: jsontext.Value(fmt.Sprintf(`{"n":%d}`, seq))}
}

func saidAll(seqs ...int64) []Message {
	all := make([]Message, len(seqs))
	for i, seq := range seqs {
		all[i] = said(seq)
	}
	return all
}

func seqs(messages []Message) []int64 {
	all := make([]int64, len(messages))
	for i, m := range messages {
		all[i] = m.Seq
	}
	return all
}

// drawn is a timeline as text: seqs, and gaps as from-to.
func drawn(t *timeline) string {
	var all []string
	for _, e := range t.entries() {
		if e.Gap != nil {
			all = append(all, fmt.Sprintf("%d-%d", e.Gap.From, e.Gap.To))
		} else {
			all = append(all, fmt.Sprint(e.Seq))
		}
	}
	return strings.Join(all, " ")
}

func wantShown(t *testing.T, what string, shown []Message, want ...int64) {
	t.Helper()
	if got := seqs(shown); !slices.Equal(got, want) && len(got)+len(want) > 0 {
		t.Errorf("%s: shown %v, want %v", what, got, want)
	}
}

func TestWhatComesInOrderIsShownAtOnce(t *testing.T) {
	t.Parallel()
	var line timeline
	wantShown(t, "the first", line.take(said(1)), 1)
	wantShown(t, "the second", line.take(said(2)), 2)
	wantShown(t, "a double", line.take(said(2)))
	wantShown(t, "no seq", line.take(said(0)))
	wantShown(t, "a wild seq", line.take(said(mostSeq+1)))
	if line.behind() || line.cursor != 2 {
		t.Errorf("cursor %d, head %d", line.cursor, line.head)
	}
}

func TestWhatComesTooEarlyWaits(t *testing.T) {
	t.Parallel()
	var line timeline
	wantShown(t, "the fourth", line.take(said(4)))
	wantShown(t, "the second", line.take(said(2)))
	wantShown(t, "the second again", line.take(said(2)))
	if !line.behind() || line.cursor != 0 || line.head != 4 {
		t.Errorf("cursor %d, head %d", line.cursor, line.head)
	}
	wantShown(t, "the first", line.take(said(1)), 1, 2)
	wantShown(t, "the third", line.take(said(3)), 3, 4)
	if line.behind() {
		t.Error("nothing is missing, and it is behind")
	}
}

func TestOnlySoMuchWaits(t *testing.T) {
	t.Parallel()
	var line timeline
	for seq := int64(mostAhead + 50); seq > 1; seq-- {
		line.take(said(seq))
	}
	if len(line.ahead) != mostAhead || line.head != mostAhead+50 {
		t.Errorf("%d wait, head %d", len(line.ahead), line.head)
	}
	if line.take(said(1)); line.cursor != 1 || !line.behind() {
		t.Errorf("cursor %d: what did not fit is asked for", line.cursor)
	}
}

func TestAPageOfALongAbsence(t *testing.T) {
	t.Parallel()
	line := timeline{}
	line.take(said(1))
	line.take(said(15)) // on its way when the page was asked for
	line.take(said(101))
	p := page{Conversation: "c", LastSeq: 100, Gap: &Gap{2, 97}, Messages: saidAll(98, 99, 100)}
	wantShown(t, "the page", line.page(p), 15, 98, 99, 100, 101)
	if got := drawn(&line); got != "1 2-14 15 16-97 98 99 100 101" {
		t.Errorf("shown %s", got)
	}
	wantShown(t, "the page again", line.page(p))
	before, ok := line.before()
	if !ok || before != 98 {
		t.Errorf("earlier is before %d, %t", before, ok)
	}
	wantShown(t, "history", line.fill(before, []Message{said(97), said(96), said(96), said(98)}, true), 97, 96)
	if got := drawn(&line); got != "1 2-14 15 16-95 96 97 98 99 100 101" {
		t.Errorf("shown %s", got)
	}
}

func TestGapsAreFilledFromTheirNewest(t *testing.T) {
	t.Parallel()
	var line timeline
	line.page(page{Conversation: "c", LastSeq: 10, Gap: &Gap{1, 8}, Messages: saidAll(9, 10)})
	line.fill(9, saidAll(8, 7, 6), true)
	if got := drawn(&line); got != "1-5 6 7 8 9 10" {
		t.Errorf("shown %s", got)
	}
	if shown := line.fill(9, saidAll(8, 7), true); shown != nil {
		t.Errorf("an answer that came twice showed %v", seqs(shown))
	}
	line.fill(6, saidAll(5, 4), false) // from_seq is 3: there is nothing before
	if got := drawn(&line); got != "4 5 6 7 8 9 10" {
		t.Errorf("shown %s", got)
	}
	before, ok := line.before()
	if !ok || before != 4 {
		t.Errorf("earlier is before %d, %t: nobody has said that there is nothing", before, ok)
	}
	line.fill(4, nil, true)
	if _, ok := line.before(); ok {
		t.Error("an empty page is the end")
	}
}

// Who joins sees from there on: what was before is no gap.
func TestWhatIsNotForUsIsNoGap(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]page{
		"with messages": {Conversation: "c", LastSeq: 43, Messages: saidAll(41, 42, 43)},
		"with a gap":    {Conversation: "c", LastSeq: 43, Gap: &Gap{41, 42}, Messages: saidAll(43)},
		"with nothing":  {Conversation: "c", LastSeq: 43},
	} {
		var line timeline
		line.page(p)
		for _, g := range line.gaps {
			if g.From < 41 {
				t.Errorf("%s: gap %+v", name, g)
			}
		}
		if line.cursor != 43 || line.behind() {
			t.Errorf("%s: cursor %d", name, line.cursor)
		}
		wantShown(t, name, line.take(said(44)), 44)
	}
}

// A hole in the middle of a page is shown as one: nothing is hidden.
func TestAHoleInAPageIsAGap(t *testing.T) {
	t.Parallel()
	var line timeline
	line.page(page{Conversation: "c", LastSeq: 9, Messages: append(saidAll(7, 1, 2), Message{Conversation: "other", Seq: 3})})
	if got := drawn(&line); got != "1 2 3-6 7" || !line.behind() {
		t.Errorf("shown %s, behind %t: the server says that there are 9", got, line.behind())
	}
}

func TestARecallTakesTheBody(t *testing.T) {
	t.Parallel()
	var line timeline
	line.take(said(1))
	line.take(said(3))
	before := line.shown
	at := start().Add(time.Minute)
	if !line.recall(1, at) || line.recall(2, at) || line.recall(3, at) || line.recall(0, at) {
		t.Error("only the first is shown")
	}
	line.page(page{Conversation: "c", LastSeq: 4, Messages: saidAll(2, 3, 4), Recalled: []int64{4}})
	for _, m := range line.shown {
		if string(m.Body) != `{}` || m.RecalledAt.IsZero() {
			t.Errorf("%d has %s, recalled at %s", m.Seq, m.Body, m.RecalledAt)
		}
	}
	if string(before[0].Body) != `{"n":1}` {
		t.Error("who had asked before sees it changed")
	}
}

func TestATimelineComesBackFromItsStore(t *testing.T) {
	t.Parallel()
	var line timeline
	line.page(page{Conversation: "c", LastSeq: 400, Gap: &Gap{1, 99}, Messages: saidAll(100)})
	for seq := int64(101); seq <= 400; seq++ {
		line.take(said(seq))
	}
	line.page(page{Conversation: "c", LastSeq: 450, Gap: &Gap{401, 449}, Messages: saidAll(450)})
	messages, gaps, complete := line.keep()
	if len(messages) != mostKept || !slices.Equal(gaps, []Gap{{401, 449}}) || complete {
		t.Errorf("kept %d, %v, complete %t", len(messages), gaps, complete)
	}
	again := restore(Kept{Cursor: line.cursor, Messages: messages, Gaps: gaps, Complete: complete})
	wantShown(t, "the next", again.take(said(451)), 451)
	wantShown(t, "a double", again.take(said(450)))
	again.fill(450, saidAll(449), false)
	if before, ok := again.before(); !ok || before != messages[0].Seq {
		t.Errorf("earlier is before %d, %t", before, ok)
	}
}

// holds are what is true of a timeline whatever it is given. seen are the
// emissions so far.
func holds(t interface{ Fatalf(string, ...any) }, line *timeline, seen map[int64]bool, fresh, earlier []Message, last *int64, cursor int64) {
	for _, m := range slices.Concat(fresh, earlier) {
		if seen[m.Seq] {
			t.Fatalf("%d was shown twice", m.Seq)
		}
		seen[m.Seq] = true
	}
	for _, m := range fresh {
		if m.Seq <= *last {
			t.Fatalf("%d was shown after %d", m.Seq, *last)
		}
		*last = m.Seq
	}
	if line.cursor < cursor || line.head < line.cursor {
		t.Fatalf("the cursor went from %d to %d, head %d", cursor, line.cursor, line.head)
	}
	if len(line.shown) != len(seen) || !slices.IsSortedFunc(line.shown, bySeq) {
		t.Fatalf("%d were shown, these are there: %v", len(seen), seqs(line.shown))
	}
	low := int64(0)
	for _, g := range line.gaps {
		if g.From <= low || g.To < g.From || g.To > line.cursor {
			t.Fatalf("gaps %v, cursor %d", line.gaps, line.cursor)
		}
		low = g.To
		if slices.ContainsFunc(line.shown, func(m Message) bool { return m.Seq >= g.From && m.Seq <= g.To }) {
			t.Fatalf("gap %v holds what is shown: %v", g, seqs(line.shown))
		}
	}
	for seq := range line.ahead {
		if seq <= line.cursor+1 {
			t.Fatalf("%d waits, the cursor is at %d", seq, line.cursor)
		}
	}
}

// FuzzTimeline: whatever comes, in whatever order, is shown once, in order, and
// what is not loaded has its mark.
func FuzzTimeline(f *testing.F) {
	for _, text := range []string{
		"", "\x00\x01\x00\x00\x02\x00\x00\x02\x00", "\x00\x03\x00\x00\x01\x00\x00\x02\x00", "\x01\x08\x03\x02\x08\x02\x00\x09\x00",
		"\x01\x14\x05\x03\x14\x03\x04\x05\x00\x00\x10\x00\x05\x06\x00", "\x00\xff\x00\x01\xff\xff\x02\xff\xff\x02\x01\x01", "\x06\x30\x02\x00\x05\x00\x02\x2f\x03",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, ops []byte) {
		var line timeline
		seen, last := map[int64]bool{}, int64(0)
		for ops = ops[:min(len(ops), 300)]; len(ops) >= 3; ops = ops[3:] {
			a, b := int64(ops[1]), int64(ops[2])
			cursor := line.cursor
			var fresh, earlier []Message
			switch ops[0] % 7 {
			case 0:
				fresh = line.take(said(a))
			case 1: // a page of b messages up to a
				fresh = line.page(page{Conversation: "c", LastSeq: a, Gap: &Gap{cursor + 1, a - b}, Messages: downTo(a, a-b)})
			case 2: // history, as asked for
				if before, ok := line.before(); ok {
					earlier = line.fill(before, downTo(before-1, before-1-b), a%2 == 0)
				}
			case 3: // a page of anything
				fresh = line.page(page{Conversation: "c", LastSeq: b, Gap: &Gap{b, a}, Messages: saidAll(a, b, a+2, a+2), Recalled: []int64{a, b}})
			case 4:
				line.recall(a, start())
			case 5:
				line.told(a)
			case 6: // history of anything
				earlier = line.fill(a, saidAll(b, b-1, a, a-1), a > b)
			}
			holds(t, &line, seen, fresh, earlier, &last, cursor)
		}
	})
}

// downTo are the messages from a down to, and without, b.
func downTo(a, b int64) []Message {
	var all []Message
	for seq := a; seq > max(b, 0); seq-- {
		all = append(all, said(seq))
	}
	return all
}

// TestATimelineIsWhole: with an honest server everything after from_seq is shown
// in the end or in a gap, and nothing else, whatever gets lost or comes twice.
func TestATimelineIsWhole(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var line timeline
		from, last := rapid.Int64Range(0, 30).Draw(t, "from"), int64(0)
		stored := from + rapid.Int64Range(0, 5).Draw(t, "stored")
		seen := map[int64]bool{}
		honest := func(cursor, limit int64) page {
			low := max(cursor, from)
			p := page{Conversation: "c", LastSeq: stored}
			if first := max(stored-limit, low); first > low {
				p.Gap = &Gap{low + 1, first}
			}
			p.Messages = downTo(stored, max(stored-limit, low))
			slices.Reverse(p.Messages)
			return p
		}
		step := func(fresh, earlier []Message, cursor int64) { holds(t, &line, seen, fresh, earlier, &last, cursor) }
		older := func(cursor, limit int64) {
			if before, ok := line.before(); ok {
				low := max(before-1-limit, from)
				step(nil, line.fill(before, downTo(before-1, low), low > from), cursor)
			}
		}
		late := []page{}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			cursor := line.cursor
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0, 1: // one more is stored, and perhaps pushed
				if stored++; rapid.Bool().Draw(t, "pushed") {
					step(line.take(said(stored)), nil, cursor)
				}
			case 2:
				if stored > from { // an old one comes again
					step(line.take(said(rapid.Int64Range(from+1, stored).Draw(t, "again"))), nil, cursor)
				}
			case 3: // a question, whose answer comes now or later
				late = append(late, honest(line.cursor, rapid.Int64Range(1, 5).Draw(t, "limit")))
			case 4:
				if len(late) > 0 {
					step(line.page(late[0]), nil, cursor)
					late = late[1:]
				}
			case 5:
				older(cursor, rapid.Int64Range(1, 5).Draw(t, "limit"))
			}
		}
		for range 10 { // the next answers bring the rest
			step(line.page(honest(line.cursor, 3)), nil, line.cursor)
		}
		for len(line.gaps) > 0 {
			older(line.cursor, 3)
		}
		got := slices.Sorted(maps.Keys(seen))
		if n := int64(len(got)); line.behind() || n > 0 && (got[0] <= from || got[n-1] != stored || n != stored-got[0]+1) {
			t.Fatalf("from %d to %d, shown %v", from, stored, got)
		}
	})
}
