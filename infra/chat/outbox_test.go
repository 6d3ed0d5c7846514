package chat

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// byName is the lane of a target whose conversation nobody knows.
func byName(t Target) string { return t.Conversation + t.User }

func letterTo(o *outbox, id, conversation string) *letter {
	return o.add(Draft{ID: id, To: Target{Conversation: conversation}, Kind: "text", Body: []byte(`{}`)}, true)
}

// ids are what is due now.
func dueIDs(o *outbox, now time.Time) []string {
	var all []string
	for _, l := range o.due(now, byName) {
		all = append(all, l.ID)
	}
	return all
}

func wantDue(t *testing.T, o *outbox, now time.Time, want ...string) {
	t.Helper()
	if got := dueIDs(o, now); !slices.Equal(got, want) {
		t.Errorf("due %q, want %q", got, want)
	}
}

func TestOneAtATimeInEachConversation(t *testing.T) {
	t.Parallel()
	o, now := &outbox{terms: standard()}, start()
	for _, id := range []string{"a1", "b1", "a2", "a3", "b2"} {
		letterTo(o, id, id[:1])
	}
	wantDue(t, o, now, "a1", "b1")
	wantDue(t, o, now)
	if o.sent(Sent{ClientMsgID: "a1"}) == nil {
		t.Error("what was sent is not known")
	}
	wantDue(t, o, now, "a2")
	if o.sent(Sent{ClientMsgID: "a1"}) != nil {
		t.Error("it was confirmed twice")
	}
}

func TestNothingIsSentThatIsNotKept(t *testing.T) {
	t.Parallel()
	o, now := &outbox{terms: standard()}, start()
	l := o.add(Draft{ID: "a1", To: Target{Conversation: "a"}}, false)
	letterTo(o, "a2", "a")
	wantDue(t, o, now)
	if got := o.unkept(); !slices.Equal(got, []string{"a1"}) {
		t.Errorf("to be kept %q", got)
	}
	l.kept = true
	wantDue(t, o, now, "a1")
}

func TestARefusalThatMayPassIsTriedAgainUnderItsID(t *testing.T) {
	t.Parallel()
	o, now := &outbox{terms: standard()}, start()
	l := letterTo(o, "a1", "a")
	letterTo(o, "a2", "a")
	for i, most := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		most *= time.Second
		wantDue(t, o, now, "a1")
		if failed := o.refused(now, Refused{Code: "unavailable", Retryable: true}, "a1", highest); failed != nil {
			t.Fatal("it failed for good")
		}
		if wait := l.until.Sub(now).Round(time.Millisecond); wait != most {
			t.Errorf("refusal %d: waits %s, want up to %s", i+1, wait, most)
		}
		wantDue(t, o, now.Add(most/3)) // the next of the conversation waits too
		now = now.Add(most)
	}
	o.due(now, byName)
	o.refused(now, Refused{Code: "rate_limited", Retryable: true, After: 45 * time.Second}, "a1", lowest)
	if wait := l.until.Sub(now); wait != 45*time.Second {
		t.Errorf("the server asked for 45 s, it waits %s", wait)
	}
	o.refused(now, Refused{Code: "rate_limited", Retryable: true, After: time.Second}, "a1", lowest)
	if wait := l.until.Sub(now); wait != 45*time.Second {
		t.Errorf("a refusal of an attempt that is over moved it to %s", wait)
	}
}

func TestARefusalForGoodLeavesItToAPerson(t *testing.T) {
	t.Parallel()
	o, now := &outbox{terms: standard()}, start()
	l := letterTo(o, "a1", "a")
	letterTo(o, "a2", "a")
	o.due(now, byName)
	if failed := o.refused(now, Refused{Code: "muted"}, "a1", 0); failed != l {
		t.Error("it did not fail")
	}
	var refused *Refused
	if _, err := l.pending.Wait(patience(t)); !errors.As(err, &refused) || refused.Code != "muted" {
		t.Errorf("who waits for it gets %v", err)
	}
	wantDue(t, o, now, "a2")
	wantDue(t, o, now.Add(time.Hour)) // never by itself
	o.lost()
	o.refused(now, Refused{Code: "muted", Retryable: true}, "a1", 0)
	if l.Failed != "muted" || !o.retry("a1") || o.retry("a1") || o.retry("nobody") {
		t.Error("a failed one can be tried again once")
	}
	wantDue(t, o, now, "a2") // what was written after it went on meanwhile
	o.sent(Sent{ClientMsgID: "a2"})
	wantDue(t, o, now, "a1")
	o.sent(Sent{ClientMsgID: "a1", Seq: 7})
	if s, err := l.pending.Wait(patience(t)); s.Seq != 7 || err != nil {
		t.Errorf("who waits for it now gets %+v, %v", s, err)
	}
}

// An earlier attempt had got through after all.
func TestAConfirmationComesAfterARefusal(t *testing.T) {
	t.Parallel()
	o := &outbox{terms: standard()}
	l := letterTo(o, "a1", "a")
	o.due(start(), byName)
	o.refused(start(), Refused{Code: "denied"}, "a1", 0)
	if o.sent(Sent{ClientMsgID: "a1", Seq: 3}) != l || len(o.letters) != 0 {
		t.Error("it is stored, and still here")
	}
	if s, err := l.pending.Wait(patience(t)); s.Seq != 3 || err != nil {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestALostLinkSendsAgain(t *testing.T) {
	t.Parallel()
	o, now := &outbox{terms: standard()}, start()
	letterTo(o, "a1", "a")
	letterTo(o, "a2", "a")
	letterTo(o, "b1", "b")
	wantDue(t, o, now, "a1", "b1")
	o.lost()
	wantDue(t, o, now, "a1", "b1")
	o.sent(Sent{ClientMsgID: "b1"})
	o.refused(now, Refused{Retryable: true}, "a1", highest)
	o.lost()
	wantDue(t, o, now) // what the server has refused waits all the same
	wantDue(t, o, now.Add(time.Second), "a1")
}

func TestAnAnswerIsWaitedForFifteenSeconds(t *testing.T) {
	t.Parallel()
	o, now := &outbox{terms: standard()}, start()
	l := letterTo(o, "a1", "a")
	wantDue(t, o, now, "a1")
	zero := func() float64 { return highest }
	if o.expire(now.Add(14*time.Second), zero); !l.sending {
		t.Error("given up after 14 s")
	}
	if at := o.next(); !at.Equal(now.Add(15 * time.Second)) {
		t.Errorf("next is %s", at.Sub(now))
	}
	now = now.Add(15 * time.Second)
	o.expire(now, zero)
	wantDue(t, o, now)
	wantDue(t, o, now.Add(time.Second), "a1")
	if o.sent(Sent{ClientMsgID: "a1"}) == nil {
		t.Error("the answer came late, and is not taken")
	}
}

func TestOnlySoManyFlyAtATime(t *testing.T) {
	t.Parallel()
	o := &outbox{terms: standard()}
	for i := range 3 * mostFlying {
		letterTo(o, fmt.Sprint(i), fmt.Sprint(i))
	}
	if got := dueIDs(o, start()); len(got) != mostFlying {
		t.Errorf("%d fly", len(got))
	}
	for i := range 5 {
		o.sent(Sent{ClientMsgID: fmt.Sprint(i)})
	}
	if got := dueIDs(o, start()); len(got) != 5 {
		t.Errorf("%d more fly", len(got))
	}
}

// TestTheOutboxKeepsItsOrder goes through any life of an outbox: in each
// conversation one flies at a time, the first that has not failed, and nothing
// is sent that is over.
func TestTheOutboxKeepsItsOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o, now := &outbox{terms: standard()}, start()
		over, written := map[string]bool{}, 0
		pick := func() string { return fmt.Sprint(rapid.IntRange(0, max(written-1, 0)).Draw(t, "which")) }
		random := func() float64 { return rapid.Float64Range(0, highest).Draw(t, "random") }
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(10*time.Second)).Draw(t, "passed")))
			switch rapid.IntRange(0, 6).Draw(t, "what") {
			case 0, 1:
				letterTo(o, fmt.Sprint(written), rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "lane"))
				written++
			case 2:
				id := pick()
				if l := o.sent(Sent{ClientMsgID: id}); (l != nil) == over[id] && written > 0 {
					t.Fatalf("%s is confirmed: %t, was over: %t", id, l != nil, over[id])
				}
				over[id] = over[id] || written > 0
			case 3:
				o.refused(now, Refused{Code: "x", Retryable: rapid.Bool().Draw(t, "retryable")}, pick(), random())
			case 4:
				o.retry(pick())
			case 5:
				o.lost()
			}
			o.expire(now, random)
			for _, l := range o.due(now, byName) {
				first := slices.IndexFunc(o.letters, func(x *letter) bool { return x.To == l.To && x.Failed == "" })
				if over[l.ID] || o.letters[first] != l || !l.until.Equal(now.Add(15*time.Second)) {
					t.Fatalf("%s is sent: over %t, first of its conversation is %s", l.ID, over[l.ID], o.letters[first].ID)
				}
			}
			flying := map[string]int{}
			for _, l := range o.letters {
				if l.sending {
					flying[l.To.Conversation]++
				}
				if l.until.Sub(now) > 30*time.Second || flying[l.To.Conversation] > 1 {
					t.Fatalf("%s waits for %s; %d fly in its conversation", l.ID, l.until.Sub(now), flying[l.To.Conversation])
				}
			}
		}
	})
}
