package idem

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"bazaar/shared/fault"
)

// FuzzStoredAnswer: an answer that a store gives back is what was answered, or
// the fault that it is; rubbish is our own fault, never an answer.
func FuzzStoredAnswer(f *testing.F) {
	sold, err := encodeFault(fault.New(fault.Conflict, "price_changed", "The total is 5 CNY now.").At("expected_total"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(202, []byte(`{"order_id":"x"}`))
	f.Add(sold.Status, sold.Body)
	f.Add(0, []byte(nil))
	f.Add(500, []byte("null"))
	f.Add(409, []byte(`{"kind":"odd","status":-1}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		stored := Answer{Status: status, Body: body}
		answer, err := stored.open()
		if status >= 200 && status < 400 {
			if err != nil || answer.Status != status || !bytes.Equal(answer.Body, body) {
				t.Errorf("%d %q is %+v, %v", status, body, answer, err)
			}
			return
		}
		if err == nil || answer.Status != 0 || len(answer.Body) > 0 {
			t.Fatalf("%d %q is the answer %+v", status, body, answer)
		}
		failed := (*fault.Error)(nil)
		if !errors.As(err, &failed) {
			return
		}
		if s := failed.Status(); s < 400 || s > 599 || failed.Code == "" || !failed.Kind.Known() {
			t.Errorf("%d %q is the fault %d %s %q", status, body, s, failed.Kind, failed.Code)
		}
		again, err := encodeFault(failed)
		if err != nil || again.Status < 400 {
			t.Fatalf("%d %q is %v, kept as %+v, %v", status, body, failed, again, err)
		}
		if _, err := again.open(); fault.KindOf(err) != failed.Kind || !fault.Is(err, failed.Code) || fault.Of(err).Detail != failed.Detail || fault.Of(err).Status() != failed.Status() {
			t.Errorf("%d %q is %v, and then %v", status, body, failed, err)
		}
	})
}

// FuzzStoredRecord: what is read as a record is what was kept, and what has
// another form is an error.
func FuzzStoredRecord(f *testing.F) {
	f.Add("d 202 2 holder print\n{}{\"a\":1}")
	f.Add("p 1700000000000 1 holder print\n{}")
	f.Add("d 202 9 holder print\n{}")
	f.Add("d 202 -1 holder print\n{}")
	f.Add("p 0 0  print\n")
	f.Add("p 0 0 holder print")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		r, isDone, err := parse("id", text)
		if err != nil {
			if isDone || r.ID != "" {
				t.Errorf("%q is an error and %+v", text, r)
			}
			return
		}
		if !isDone {
			if !strings.HasPrefix(text, "p ") || !strings.HasSuffix(text, "\n"+string(r.Progress)) || r.Answer.Status != 0 {
				t.Errorf("%q is %+v", text, r)
			}
			return
		}
		again, isDone, err := parse("id", done(r, r.Answer))
		if err != nil || !isDone || again.Fingerprint != r.Fingerprint || again.Holder != r.Holder || again.Answer.Status != r.Answer.Status ||
			!bytes.Equal(again.Progress, r.Progress) || !bytes.Equal(again.Answer.Body, r.Answer.Body) {
			t.Errorf("%q is %+v, and then %+v (%v)", text, r, again, err)
		}
	})
}

// FuzzScriptAnswer: whatever words a script answers, of whatever kinds, they are
// read without a word that is not there.
func FuzzScriptAnswer(f *testing.F) {
	for _, text := range []string{"known|d 202 2 h f\n{}{}", "began|1", "taken||{}", "running", "", "ask|", "finished|a|x"} {
		f.Add(text, uint8(0))
	}
	f.Fuzz(func(t *testing.T, text string, kinds uint8) {
		var list []any
		for i, word := range strings.Split(text, "|") {
			switch {
			case kinds>>(i%8)&1 == 0:
				list = append(list, word)
			case len(word) == 0:
				list = append(list, nil) // what Lua calls false
			default:
				list = append(list, int64(len(word)))
			}
		}
		words, err := fields(list)
		if err != nil || len(words) != len(list) {
			t.Fatalf("%v is %v, %v", list, words, err)
		}
		for i, word := range list {
			if is, text := word.(string); text && words.at(i) != is {
				t.Errorf("word %d of %v is %q", i, list, words.at(i))
			}
		}
		if words.at(len(list)) != "" || words.at(len(list)+100) != "" {
			t.Errorf("%v goes on", list)
		}
		for _, other := range []any{nil, text, int64(1), []any{}} {
			if _, err := fields(other); err == nil {
				t.Errorf("%#v is taken for words", other)
			}
		}
	})
}

// line is a queue of which nothing is known but how far it was asked about.
type line struct{ asked []uint64 }

func (l *line) LastSeq(context.Context, string) (uint64, error) { return 0, nil }

func (l *line) Passed(_ context.Context, seq uint64) (bool, error) {
	l.asked = append(l.asked, seq)
	return false, nil
}

// FuzzMarker: a marker that recovers asks about the sequence that it carries, or
// is refused; it is never ready by mistake.
func FuzzMarker(f *testing.F) {
	for _, text := range []string{"recovering:7:1700000000000:x", "recovering:", "recovering:-1:0:x", "recovering:18446744073709551616:0", "recovering:07:0", "recovering: 7:0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		queue := &line{}
		m := &marks{queue: queue}
		err := m.recover(t.Context(), 0, text)
		if err == nil {
			t.Fatalf("%q is ready", text)
		}
		rest := strings.TrimPrefix(text, "recovering:")
		word, _, _ := strings.Cut(rest, ":")
		seq, wrong := strconv.ParseUint(word, 10, 64)
		if wrong == nil != errors.Is(err, ErrUnsure) || wrong == nil != (len(queue.asked) == 1) {
			t.Errorf("%q: asked about %v, %v", text, queue.asked, err)
		}
		if len(queue.asked) == 1 && queue.asked[0] != seq {
			t.Errorf("%q: asked about %v", text, queue.asked)
		}
	})
}

// FuzzKey: two keys have one id only when they are one, whatever is in them, and
// its record lies in one bucket.
func FuzzKey(f *testing.F) {
	f.Add("order", "alice", "k", "order", "alice", "k")
	f.Add("order", "a", "bc", "order", "ab", "c")
	f.Add("", "\x00", "", "\x00", "", "")
	f.Fuzz(func(t *testing.T, scope, owner, key, scope2, owner2, key2 string) {
		a, b := Key{scope, owner, key}, Key{scope2, owner2, key2}
		if (a == b) != (a.ID() == b.ID()) {
			t.Errorf("%+v and %+v: %s and %s", a, b, a.ID(), b.ID())
		}
		if uuid.Validate(a.ID()) != nil {
			t.Errorf("%+v is %s", a, a.ID())
		}
		if at := keys(a.ID()); len(at) != 2 || !strings.HasPrefix(at[0], "idem:{b") || at[1][:10] != at[0][:10] {
			t.Errorf("%s lies at %v", a.ID(), at)
		}
	})
}
