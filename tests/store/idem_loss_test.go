package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"bazaar/shared/fault"
	"bazaar/shared/idem"
	"bazaar/shared/rdb"
	"bazaar/tests/support"
)

// losing is a store whose Redis was emptied while seven messages were queued.
type losing struct {
	*idem.Redis
	t        *testing.T
	client   *rdb.Client
	queue    *idemQueue
	postgres map[string]idem.Record // what Postgres knows
	away     error                  // of Postgres
}

func newLosing(t *testing.T) *losing {
	t.Helper()
	l := &losing{t: t, client: support.Redis(t), queue: &idemQueue{}, postgres: map[string]idem.Record{}}
	asked := 0
	l.Redis = idem.NewRedis(l.client, l.queue, func(_ context.Context, id string) (idem.Record, bool, error) {
		asked++
		r, ok := l.postgres[id]
		return r, ok, l.away
	})
	believe(t, l)
	must(t, l.Finish(t.Context(), begin(t, l, claim("before", "f"), idem.Began), idem.Answer{Status: 202, Body: []byte("{}")}))
	if asked != 0 {
		t.Errorf("Postgres was asked %d times by a Redis that lost nothing", asked)
	}
	l.queue.last.Store(7)
	l.lose()
	l.postgres[claim("known", "f").Key.ID()] = idem.Record{Fingerprint: "f", Answer: idem.Answer{Status: 202, Body: []byte(`{"rebuilt":1}`)}}
	return l
}

func (l *losing) lose() {
	l.t.Helper()
	must(l.t, l.client.FlushAll(l.t.Context()).Err())
}

// unsure wants a key to be called neither new nor known.
func (l *losing) unsure(key string) {
	l.t.Helper()
	if _, _, err := l.Begin(l.t.Context(), claim(key, "f")); !errors.Is(err, idem.ErrUnsure) || fault.KindOf(err) != fault.Unavailable {
		l.t.Errorf("%s while recovering: %v", key, err)
	}
	if _, found, err := l.Find(l.t.Context(), claim(key, "f").Key.ID()); found || !errors.Is(err, idem.ErrUnsure) {
		l.t.Errorf("find %s while recovering: %t, %v", key, found, err)
	}
}

func TestLostMemoryIsNeverTakenForNew(t *testing.T) {
	t.Parallel()
	l := newLosing(t)
	l.unsure("before")
	if r := begin(t, l, claim("known", "f"), idem.Finished); string(r.Answer.Body) != `{"rebuilt":1}` {
		t.Errorf("rebuilt %+v", r)
	}
	begin(t, l, claim("known", "other"), idem.Reused)

	// A second loss while the first is mended: the queue has grown meanwhile.
	l.queue.last.Store(9)
	l.lose()
	l.queue.away.Store(true)
	if _, _, err := l.Begin(t.Context(), claim("new", "f")); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("without the queue: %v", err)
	}
	l.queue.away.Store(false)
	l.unsure("new")
	l.queue.passed.Store(8)
	l.unsure("new")
	l.queue.passed.Store(9)
	if fresh := begin(t, l, claim("new", "f"), idem.Began); !fresh.Doubtful {
		t.Error("a record begun right after the loss is not marked")
	}
}

func TestPostgresAnswersForWhatWasLost(t *testing.T) {
	t.Parallel()
	l := newLosing(t)
	l.queue.passed.Store(7)
	begin(t, l, claim("new", "f"), idem.Began)
	begin(t, l, claim("known", "f"), idem.Finished)
	begin(t, l, claim("known", "other"), idem.Reused)
	if _, found, err := l.Find(t.Context(), claim("known", "f").Key.ID()); !found || err != nil {
		t.Errorf("find: %t, %v", found, err)
	}
	if _, found, err := l.Find(t.Context(), claim("never", "f").Key.ID()); found || err != nil {
		t.Errorf("find what never was: %t, %v", found, err)
	}
	l.away = fault.New(fault.Unavailable, "unavailable", "Away.")
	if _, _, err := l.Begin(t.Context(), claim("newer", "f")); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("without Postgres: %v", err)
	}
}

// Redis is emptied again after the end of the queue was read for the first
// loss, and before it was noted: what came in between must be waited for too.
func TestSecondLossIsNotTakenForTheFirst(t *testing.T) {
	t.Parallel()
	client, q := support.Redis(t), &idemQueue{}
	s := idem.NewRedis(client, q, nil)
	q.last.Store(3)
	q.passed.Store(3)
	q.onLast = func() {
		q.last.Store(5)
		if err := client.FlushAll(t.Context()).Err(); err != nil {
			t.Error(err)
		}
	}
	for range 3 {
		if _, _, err := s.Begin(t.Context(), claim("k", "f")); !errors.Is(err, idem.ErrUnsure) {
			t.Fatalf("a key that may be in the queue: %v", err)
		}
	}
	q.passed.Store(5)
	begin(t, s, claim("k", "f"), idem.Began)
}

func TestLossIsOverAfterItsTime(t *testing.T) {
	t.Parallel()
	client := support.Redis(t)
	s := idem.NewRedis(client, &idemQueue{}, func(context.Context, string) (idem.Record, bool, error) {
		return idem.Record{}, false, errors.New("Postgres was asked")
	})
	now, err := client.Time(t.Context()).Result()
	must(t, err)
	for age, asks := range map[time.Duration]bool{71 * time.Hour: true, 73 * time.Hour: false} {
		for i := range 16 {
			must(t, client.Set(t.Context(), fmt.Sprintf("idem:{b%02d}:marker", i), fmt.Sprintf("ready:%d", now.Add(-age).UnixMilli()), 0).Err())
		}
		_, _, err := s.Begin(t.Context(), claim("k"+age.String(), "f"))
		if (err != nil) != asks {
			t.Errorf("%s after the loss: %v", age, err)
		}
	}
}

// What is finished while Redis was emptied in between must be found afterwards:
// its answer is about to be told, and the queue's end may have been noted before.
func TestFinishSurvivesALoss(t *testing.T) {
	t.Parallel()
	client, q := support.Redis(t), &idemQueue{}
	s := idem.NewRedis(client, q, nil)
	r := begin(t, s, claim("k", "f"), idem.Began)
	q.last.Store(3)
	q.passed.Store(3)
	must(t, client.FlushAll(t.Context()).Err())
	must(t, s.Finish(t.Context(), r, idem.Answer{Status: 202, Body: []byte("{}")}))
	found, ok, err := s.Find(t.Context(), r.ID)
	if !ok || err != nil || string(found.Progress) != `{"draft":1}` {
		t.Errorf("found %+v, %t, %v", found, ok, err)
	}
	begin(t, s, claim("k", "f"), idem.Finished)
	begin(t, s, claim("k", "other"), idem.Reused)
}

func TestFindSaysUnsureWhileTheKeyIsInProgress(t *testing.T) {
	t.Parallel()
	s := idem.NewRedis(support.Redis(t), &idemQueue{}, nil)
	r := begin(t, s, claim("k", "f"), idem.Began)
	if _, found, err := s.Find(t.Context(), r.ID); found || !errors.Is(err, idem.ErrUnsure) {
		t.Errorf("found %t, %v", found, err)
	}
	if _, found, err := s.Find(t.Context(), "no-uuid"); found || err != nil {
		t.Errorf("found %t, %v", found, err)
	}
}

func TestRedisAwayIsUnavailable(t *testing.T) {
	t.Parallel()
	client, server := support.FreshRedis(t)
	s := idem.NewRedis(client, &idemQueue{}, nil)
	begin(t, s, claim("k", "f"), idem.Began)
	server.Kill()
	if _, _, err := s.Begin(t.Context(), claim("k", "f")); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("got %v", err)
	}
}
