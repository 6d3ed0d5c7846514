package store_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bazaar/shared/fault"
	"bazaar/shared/idem"
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
