package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"bazaar/shared/fault"
	"bazaar/shared/idem"
	"bazaar/tests/support"
)

// lazy is a store that keeps answers late, what it logs, and the end of its Run.
func lazy(t *testing.T, s *idem.Redis) (l *idem.Lazy, log *bytes.Buffer, end func()) {
	t.Helper()
	log = &bytes.Buffer{}
	l = idem.NewLazy(s, slog.New(slog.NewTextHandler(log, nil)))
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { l.Run(ctx) })
	end = func() { cancel(); running.Wait() }
	t.Cleanup(end)
	return l, log, end
}

func TestLateAnswersAreKept(t *testing.T) {
	t.Parallel()
	l, _, _ := lazy(t, idem.NewRedis(support.Redis(t), &idemQueue{}, nil))
	var all sync.WaitGroup
	for i := range 300 {
		all.Go(func() {
			key := fmt.Sprint("k", i)
			answer := idem.Answer{Status: 202, Body: []byte(`{"a":` + fmt.Sprint(i) + `}`)}
			ask := func() (idem.Answer, bool, error) {
				return idem.Do(t.Context(), l, idem.Request{Key: claim(key, "f").Key, Fingerprint: "f"},
					func(context.Context, idem.Attempt) (idem.Answer, error) { return answer, nil })
			}
			first, replayed, err := ask()
			if err != nil || replayed || first.Status != 202 {
				t.Errorf("%s: %+v, %v, %v", key, first, replayed, err)
			}
			// At once, while the answer is not kept yet. Do waits for a while only.
			again, replayed, err := ask()
			for fault.KindOf(err) == fault.Conflict && t.Context().Err() == nil {
				again, replayed, err = ask()
			}
			if err != nil || !replayed || !bytes.Equal(again.Body, answer.Body) {
				t.Errorf("%s again: %s, replayed %v, %v", key, again.Body, replayed, err)
			}
		})
	}
	all.Wait()
}

func TestALateAnswerIsFoundAtOnce(t *testing.T) {
	t.Parallel()
	l, _, _ := lazy(t, idem.NewRedis(support.Redis(t), &idemQueue{}, nil))
	c := claim("k", "f")
	must(t, l.Finish(t.Context(), begin(t, l, c, idem.Began), idem.Answer{Status: 202, Body: []byte("{}")}))
	r, found, err := l.Find(t.Context(), c.Key.ID())
	if err != nil || !found || string(r.Progress) != `{"draft":1}` {
		t.Errorf("found %v, %+v, %v", found, r, err)
	}
}

func TestLateAnswersAreKeptAtTheEnd(t *testing.T) {
	t.Parallel()
	s := idem.NewRedis(support.Redis(t), &idemQueue{}, nil)
	l, _, end := lazy(t, s)
	for i := range 50 {
		must(t, l.Finish(t.Context(), begin(t, l, claim(fmt.Sprint("k", i), "f"), idem.Began), idem.Answer{Status: 202, Body: []byte("{}")}))
	}
	end()
	for i := range 50 {
		begin(t, s, claim(fmt.Sprint("k", i), "f"), idem.Finished)
	}
}

// Who was taken over does not write over the one who took.
func TestALateAnswerComesTooLate(t *testing.T) {
	t.Parallel()
	s := idem.NewRedis(support.Redis(t), &idemQueue{}, nil)
	l, log, end := lazy(t, s)
	short := claim("k", "f")
	short.Lease = time.Millisecond
	slow := begin(t, l, short, idem.Began)
	var taken idem.Record
	until(t, 5*time.Second, func() bool {
		r, outcome, err := l.Begin(t.Context(), claim("k", "f"))
		taken = r
		return err == nil && outcome == idem.TakenOver
	})
	must(t, l.Finish(t.Context(), slow, idem.Answer{Status: 202, Body: []byte(`"slow"`)}))
	must(t, s.Finish(t.Context(), taken, idem.Answer{Status: 202, Body: []byte(`"taken"`)}))
	end()
	if r := begin(t, s, claim("k", "f"), idem.Finished); string(r.Answer.Body) != `"taken"` {
		t.Errorf("the answer is %s", r.Answer.Body)
	}
	if !strings.Contains(log.String(), "taken the key over") {
		t.Errorf("logged %q", log)
	}
}

func TestALateAnswerIsKeptByARedisThatForgotItsScripts(t *testing.T) {
	t.Parallel()
	client, _ := support.FreshRedis(t)
	s := idem.NewRedis(client, &idemQueue{}, nil)
	until(t, 5*time.Second, func() bool {
		_, _, err := s.Begin(t.Context(), claim("first", "f"))
		return !errors.Is(err, idem.ErrUnsure) && err == nil
	})
	l, log, end := lazy(t, s)
	r := begin(t, l, claim("k", "f"), idem.Began)
	must(t, client.ScriptFlush(t.Context()).Err())
	must(t, l.Finish(t.Context(), r, idem.Answer{Status: 202, Body: []byte("{}")}))
	end()
	begin(t, s, claim("k", "f"), idem.Finished)
	if log.Len() > 0 {
		t.Errorf("logged %s", log)
	}
}

func TestALateAnswerWaitsForRedis(t *testing.T) {
	t.Parallel()
	client, server := support.FreshRedis(t)
	s := idem.NewRedis(client, &idemQueue{}, nil)
	l, _, _ := lazy(t, s)
	r := begin(t, l, claim("k", "f"), idem.Began)
	server.Kill()
	must(t, l.Finish(t.Context(), r, idem.Answer{Status: 202, Body: []byte("{}")}))
	until(t, 10*time.Second, l.Away)
	must(t, server.Start(t.Context()))
	// Not asked by Begin: that would take the key, in a Redis that has forgotten it.
	until(t, 10*time.Second, func() bool {
		_, found, err := s.Find(t.Context(), r.ID)
		return err == nil && found
	})
	begin(t, s, claim("k", "f"), idem.Finished)
}
