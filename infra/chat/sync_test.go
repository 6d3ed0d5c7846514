package chat

import (
	"slices"
	"testing"
	"time"
)

func TestAGapIsAskedForAfterAWhile(t *testing.T) {
	t.Parallel()
	for luck, want := range map[float64]time.Duration{lowest: 300 * time.Millisecond, highest: 2300 * time.Millisecond} {
		r := newRig(t, `{}`)
		r.luck = luck
		r.says(messageLine("c", 1), messageLine("c", 3))
		r.pass(want - time.Millisecond)
		r.wantAsked(0)
		r.pass(2 * time.Millisecond)
		if q := r.wantAsked(1); q.Cursors["c"] != 1 || q.Limit != perConversation {
			t.Errorf("asked %+v", q)
		}
	}
	r := newRig(t, `{}`)
	r.says(messageLine("c", 1), messageLine("c", 3))
	r.pass(200 * time.Millisecond)
	r.says(messageLine("c", 2))
	r.pass(10 * time.Second)
	r.wantAsked(0)
}

func TestToBeBehindIsAskedForSoon(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]string{
		"hint": `{"t":"hint","conversation":"c","last_seq":5}`,
		"ping": `{"t":"ping","heads":{"c":5}}`,
	} {
		r := newRig(t, `{}`)
		r.luck = highest
		r.says(line)
		if r.pass(190 * time.Millisecond); len(r.asked) > 0 {
			t.Errorf("%s: asked without jitter", name)
		}
		r.pass(10 * time.Millisecond)
		r.wantAsked(1)
	}
	r := newRig(t, `{"c":5}`)
	q := r.wantAsked(1)
	r.synced(r.now, q, answer{Conversations: []page{{Conversation: "c", Kind: "group", LastSeq: 5, ReadSeq: 3, Messages: saidAll(1, 2, 3, 4, 5)}}})
	r.wantAsked(0)
	r.says(`{"t":"hint","conversation":"c","last_seq":5}`, `{"t":"ping","heads":{"c":4}}`, `{"t":"ping"}`)
	r.lines = nil
	r.pass(time.Second)
	r.wantAsked(0)
	r.wantLines(`{"t":"pong"}`, `{"t":"pong"}`)
}

func TestOneQuestionAtATime(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{"c":5}`)
	q := r.wantAsked(1)
	r.says(`{"t":"hint","conversation":"d","last_seq":1}`)
	number := r.sync.force(r.now)
	r.pass(time.Minute)
	r.wantAsked(0)
	// The answer was given before d was told of: that is asked for next.
	r.synced(r.now, q, answer{Conversations: []page{{Conversation: "c", LastSeq: 5, Messages: saidAll(1, 2, 3, 4, 5)}}})
	q = r.wantAsked(1)
	if q.number != number || q.Cursors["c"] != 5 || q.Cursors["d"] != 0 {
		t.Errorf("asked %+v, want number %d", q, number)
	}
	for _, want := range []time.Duration{100, 200, 400, 800} { // half of it, the luck being low
		r.synced(r.now, q, answer{}) // which does not have what was promised
		if r.pass(want*time.Millisecond - time.Millisecond); len(r.asked) > 0 {
			t.Errorf("asked again before %d ms", want)
		}
		r.pass(time.Millisecond)
		q = r.wantAsked(1)
	}
}

func TestAServerThatWantsRestGetsIt(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{"c":5}`)
	r.wantAsked(1)
	r.luck = highest
	r.notSynced(r.now, 4*time.Second)
	r.pass(4*time.Second + 1900*time.Millisecond) // at least as long as was asked for, and up to half of it more
	r.wantAsked(0)
	r.pass(100 * time.Millisecond)
	r.wantAsked(1)
	for _, want := range []time.Duration{2, 4, 8, 16, 30, 30} {
		r.notSynced(r.now, 0)
		r.pass(want*time.Second - 10*time.Millisecond)
		r.wantAsked(0)
		r.pass(10 * time.Millisecond)
		r.wantAsked(1)
	}
	r.hold(r.now, true)
	r.notSynced(r.now, 0)
	r.pass(time.Hour)
	r.wantAsked(0)
}

func TestWhoWasTakenOutForgets(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]string{
		"removed":   `{"t":"event","conversation":"c","seq":3,"kind":"member","user":"alice","change":"removed","by":"bob","version":7}`,
		"left":      `{"t":"event","conversation":"c","seq":3,"kind":"member","user":"alice","change":"left","by":"alice","version":7}`,
		"dissolved": `{"t":"event","conversation":"c","seq":3,"kind":"group","dissolved":true}`,
	} {
		r := newRig(t, `{"c":5}`)
		q := r.wantAsked(1)
		r.says(messageLine("c", 1), line)
		// What was said before we were taken out brings nothing back.
		r.synced(r.now, q, answer{Conversations: []page{{Conversation: "c", LastSeq: 5, Messages: saidAll(1, 2, 3, 4, 5)}}})
		if len(r.talks) != 0 || !slices.Equal(r.record.Removed, []string{"c"}) {
			t.Errorf("%s: %d conversations are left", name, len(r.talks))
		}
		q = r.wantAsked(1)
		r.synced(r.now, q, answer{})
		r.pass(time.Minute)
		r.wantAsked(0)
	}
	r := newRig(t, `{"c":1}`)
	r.says(messageLine("c", 1), `{"t":"event","conversation":"c","seq":3,"kind":"member","user":"bob","change":"removed","by":"alice"}`)
	if len(r.talks) != 1 {
		t.Error("another one was taken out, and we left")
	}
}

// An answer that says that we are out may be older than the message that says
// that we are in again.
func TestWhoWasLetInAgainStays(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{"c":1,"d":1}`)
	q := r.wantAsked(1)
	r.says(messageLine("c", 1))
	r.synced(r.now, q, answer{Removed: []string{"c", "d"}})
	if _, ok := r.talks["c"]; !ok || len(r.talks) != 1 {
		t.Errorf("%d conversations are left", len(r.talks))
	}
	r.wantAsked(1)
}

// Who was away may be out of what it knows: ready does not name it.
func TestWhatReadyDoesNotNameIsAskedAbout(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{"c":1}`)
	q := r.wantAsked(1)
	r.synced(r.now, q, answer{Conversations: []page{{Conversation: "c", LastSeq: 1, Messages: saidAll(1)}}})
	for heads, want := range map[string]int{`{"c":1}`: 0, `{}`: 1} {
		r.lose(r.now)
		r.pass(time.Minute)
		r.ready(heads)
		r.wantAsked(want)
	}
}
