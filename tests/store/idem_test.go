package store_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bazaar/shared/fault"
	"bazaar/shared/idem"
	"bazaar/shared/rdb"
	"bazaar/tests/support"
)

// idemQueue is a queue whose end and progress a test sets.
type idemQueue struct {
	last, passed atomic.Uint64
	away         atomic.Bool
	onLast       func() // runs once while the end is being read
}

func (q *idemQueue) LastSeq(context.Context, string) (uint64, error) {
	if q.away.Load() {
		return 0, fault.New(fault.Unavailable, "unavailable", "Away.")
	}
	last := q.last.Load()
	if f := q.onLast; f != nil {
		q.onLast = nil
		f()
	}
	return last, nil
}

func (q *idemQueue) Passed(_ context.Context, seq uint64) (bool, error) {
	if q.away.Load() {
		return false, fault.New(fault.Unavailable, "unavailable", "Away.")
	}
	return q.passed.Load() >= seq, nil
}

// eachStore runs a test against both stores.
func eachStore(t *testing.T, f func(t *testing.T, s idem.Store)) {
	t.Helper()
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		f(t, idem.NewPostgres(support.Postgres(t)))
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		f(t, idem.NewRedis(support.Redis(t), &idemQueue{}, nil))
	})
	t.Run("redis the short way", func(t *testing.T) {
		t.Parallel()
		s := idem.NewRedis(support.Redis(t), &idemQueue{}, nil)
		believe(t, s)
		f(t, s)
	})
}

// believe has a store see that every bucket is whole.
func believe(t *testing.T, s idem.Store) {
	t.Helper()
	seen := map[byte]bool{}
	for i := 0; len(seen) < 16; i++ {
		c := claim("believe-"+strconv.Itoa(i), "f")
		if digit := c.Key.ID()[0]; !seen[digit] {
			seen[digit] = true
			begin(t, s, c, idem.Began)
		}
	}
}

func claim(key, fingerprint string) idem.Claim {
	return idem.Claim{
		Key: idem.Key{Scope: "test", Owner: "alice", Key: key}, Fingerprint: fingerprint,
		Holder: key + "-" + strconv.FormatInt(time.Now().UnixNano(), 10), Lease: time.Minute, Progress: []byte(`{"draft":1}`),
	}
}

// begin claims and fails the test when something else is found.
func begin(t *testing.T, s idem.Store, c idem.Claim, want idem.Outcome) idem.Record {
	t.Helper()
	r, got, err := s.Begin(t.Context(), c)
	if err != nil || got != want {
		t.Fatalf("begin: outcome %d, %v; want %d", got, err, want)
	}
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestFirstAnswerIsKept(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s idem.Store) {
		first := begin(t, s, claim("k", "f"), idem.Began)
		if string(first.Progress) != `{"draft":1}` {
			t.Errorf("progress %q", first.Progress)
		}
		begin(t, s, claim("k", "f"), idem.Running)
		begin(t, s, claim("k", "other"), idem.Reused)
		must(t, s.Finish(t.Context(), first, idem.Answer{Status: 202, Body: []byte(`{"a":1}`)}))
		must(t, s.Finish(t.Context(), first, idem.Answer{Status: 202, Body: []byte(`{"a":1}`)}))
		again := begin(t, s, claim("k", "f"), idem.Finished)
		if again.Answer.Status != 202 || string(again.Answer.Body) != `{"a":1}` || string(again.Progress) != `{"draft":1}` {
			t.Errorf("kept %+v", again)
		}
		begin(t, s, claim("k", "other"), idem.Reused)
		must(t, s.Free(t.Context(), first)) // too late: an answer stays
		begin(t, s, claim("k", "f"), idem.Finished)
	})
}

func TestKeysOfTwoOwnersAreTwo(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s idem.Store) {
		begin(t, s, claim("k", "f"), idem.Began)
		bobs := claim("k", "other")
		bobs.Key.Owner = "bob"
		begin(t, s, bobs, idem.Began)
	})
}

func TestJoiningMakesNoRecord(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s idem.Store) {
		join := claim("k", "f")
		join.Join, join.Progress = true, nil
		begin(t, s, join, idem.Absent)
		first := begin(t, s, claim("k", "f"), idem.Began)
		begin(t, s, join, idem.Running)
		must(t, s.Yield(t.Context(), first))
		if taken := begin(t, s, join, idem.TakenOver); string(taken.Progress) != `{"draft":1}` {
			t.Errorf("progress %q", taken.Progress)
		}
	})
}

func TestLeaseOfACrashedHolderIsTakenOver(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s idem.Store) {
		short := claim("k", "f")
		short.Lease = 50 * time.Millisecond
		crashed := begin(t, s, short, idem.Began)
		second := claim("k", "f")
		second.Progress = []byte("another draft")
		var taken idem.Record
		until(t, 5*time.Second, func() bool {
			r, outcome, err := s.Begin(t.Context(), second)
			taken = r
			return err == nil && outcome == idem.TakenOver
		})
		if string(taken.Progress) != `{"draft":1}` {
			t.Errorf("the draft was decided again: %s", taken.Progress)
		}
		begin(t, s, claim("k", "f"), idem.Running)
		if err := s.Finish(t.Context(), crashed, idem.Answer{Status: 200}); !errors.Is(err, idem.ErrTaken) {
			t.Errorf("who was taken over finished: %v", err)
		}
		must(t, s.Free(t.Context(), crashed))
		must(t, s.Yield(t.Context(), crashed))
		begin(t, s, claim("k", "f"), idem.Running)
		begin(t, s, claim("k", "other"), idem.Reused)
		must(t, s.Finish(t.Context(), taken, idem.Answer{Status: 200, Body: []byte("{}")}))
		begin(t, s, claim("k", "f"), idem.Finished)
	})
}

func TestFreedKeyIsNew(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s idem.Store) {
		must(t, s.Free(t.Context(), begin(t, s, claim("k", "f"), idem.Began)))
		begin(t, s, claim("k", "other"), idem.Began)
	})
}

func TestFiftyCallersOfOneKeyRunOnce(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s idem.Store) {
		var ran, replays, late atomic.Int32
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				_, replayed, err := idem.Do(t.Context(), s, idem.Request{Key: idem.Key{Scope: "s", Owner: "o", Key: "k"}, Fingerprint: "f"},
					func(context.Context, idem.Attempt) (idem.Answer, error) {
						ran.Add(1)
						return idem.Answer{Status: 200, Body: []byte("{}")}, nil
					})
				switch {
				case fault.Is(err, "idempotency_key_in_progress"):
					late.Add(1)
				case err != nil:
					t.Errorf("got %v", err)
				case replayed:
					replays.Add(1)
				}
			})
		}
		all.Wait()
		if ran.Load() != 1 || replays.Load()+late.Load() != 49 || replays.Load() == 0 {
			t.Errorf("ran %d times, replayed %d, still running for %d", ran.Load(), replays.Load(), late.Load())
		}
	})
}

func TestFinishInIsOneWithItsEffect(t *testing.T) {
	t.Parallel()
	pool := support.Postgres(t)
	s := idem.NewPostgres(pool)
	r := begin(t, s, claim("k", "f"), idem.Began)
	tx, err := pool.Begin(t.Context())
	must(t, err)
	must(t, s.FinishIn(t.Context(), tx, r, idem.Answer{Status: 200, Body: []byte("{}")}))
	must(t, tx.Rollback(t.Context()))
	begin(t, s, claim("k", "f"), idem.Running)
	must(t, s.Yield(t.Context(), r))
	begin(t, s, claim("k", "f"), idem.TakenOver)
	if err := s.FinishIn(t.Context(), pool, r, idem.Answer{Status: 200}); !errors.Is(err, idem.ErrTaken) {
		t.Errorf("an effect of who was taken over may be committed: %v", err)
	}
}

func TestOldAnswersAreSwept(t *testing.T) {
	t.Parallel()
	pool := support.Postgres(t)
	s := idem.NewPostgres(pool)
	begin(t, s, claim("old", "f"), idem.Began)
	begin(t, s, claim("young", "f"), idem.Began)
	mustExec(t, pool, `update idem.answer set created_at = now() - interval '73 hours' where key = 'old'`)
	if n, err := s.Sweep(t.Context()); n != 1 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
	begin(t, s, claim("young", "f"), idem.Running)
}

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
