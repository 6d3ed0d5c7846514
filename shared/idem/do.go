package idem

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"
)

// DefaultLease is how long an attempt may take before another takes it over.
const DefaultLease = 10 * time.Second

// patience is how long a caller waits for the one who is before it.
const patience = 500 * time.Millisecond

// closing bounds the last word to the store. It does not follow the caller's
// deadline: an answer that exists should be kept.
const closing = 2 * time.Second

// Request is a call under a key.
type Request struct {
	Key         Key
	Fingerprint string
	Lease       time.Duration // 0 is DefaultLease
	// Prepare decides, before anything happens, what a retry must not decide
	// again: the progress of a new record. Its error is the answer to a new
	// key; a known key is answered whatever Prepare says. May be nil.
	Prepare func(ctx context.Context) ([]byte, error)
	// Log hears of answers that could not be kept. May be nil.
	Log *slog.Logger
}

// Attempt is one run under a key.
type Attempt struct {
	Record
	// Resumed: an earlier attempt crashed, or left with an unknown outcome.
	// Progress is what that one had decided.
	Resumed bool
}

// Do answers a request under its key: with the answer that the key has
// (replayed is true), or by run. While another caller runs, or the store cannot
// tell whether the key is new, Do waits for half a second.
//
// What run returns decides what becomes of the key: an answer, or an error of
// Final, is kept and replayed. After an error of Keep, of an unknown outcome,
// of the kinds internal and timeout, or any error of a resumed attempt, the
// record stays with its progress and a retry runs at once. After any other
// fault the key is free, as if it had never been used. run's context ends with
// the lease.
//
// Errors: mismatch idempotency_key_reused, conflict idempotency_key_in_progress,
// unavailable when the store cannot tell, and run's and Prepare's own.
func Do(ctx context.Context, s Store, r Request, run func(context.Context, Attempt) (Answer, error)) (answer Answer, replayed bool, err error) {
	claim, refusal := r.claim(ctx)
	var giveUp *time.Timer // most callers need none
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		record, outcome, err := s.Begin(ctx, claim)
		unsure := errors.Is(err, ErrUnsure)
		if err != nil && !unsure {
			return Answer{}, false, err
		}
		switch outcome {
		case Absent:
			if !unsure {
				return Answer{}, false, refusal
			}
		case Began, TakenOver:
			answer, err := r.attempt(ctx, s, Attempt{Record: record, Resumed: outcome == TakenOver}, run)
			return answer, false, err
		case Finished:
			answer, err := record.Answer.open()
			return answer, true, err
		case Reused:
			return Answer{}, false, errReused()
		}
		if giveUp == nil {
			giveUp = time.NewTimer(patience)
			defer giveUp.Stop()
		}
		next := time.NewTimer(pause)
		select {
		case <-next.C:
		case <-giveUp.C:
			next.Stop()
			if unsure {
				return Answer{}, false, err
			}
			return Answer{}, false, errInProgress()
		case <-ctx.Done():
			next.Stop()
			return Answer{}, false, ctx.Err()
		}
	}
}

func (r Request) lease() time.Duration {
	if r.Lease == 0 {
		return DefaultLease
	}
	return r.Lease
}

// claim is what to ask the store for: a new record with its progress, or, when
// it was refused, only a record that there is already.
func (r Request) claim(ctx context.Context) (Claim, error) {
	c := Claim{Key: r.Key, Fingerprint: r.Fingerprint, Holder: uuid.NewString(), Lease: r.lease()}
	if r.Prepare == nil {
		return c, nil
	}
	progress, err := r.Prepare(ctx)
	c.Progress, c.Join = progress, err != nil
	return c, err
}

// attempt runs once and tells the store what became of it.
func (r Request) attempt(ctx context.Context, s Store, a Attempt, run func(context.Context, Attempt) (Answer, error)) (Answer, error) {
	limited, cancel := context.WithTimeout(ctx, r.lease())
	defer cancel()
	answer, err := run(limited, a)

	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	switch {
	case err == nil:
		// The effect is there, whatever the store says now: the lease will run
		// out, and the next caller does the same again with the same progress.
		r.note(ctx, s.Finish(end, a.Record, answer), "keeping the answer to a key")
	case isFinal(err):
		stored, failed := encodeFault(err)
		if failed == nil {
			failed = s.Finish(end, a.Record, stored)
		}
		r.note(ctx, failed, "keeping the answer to a key")
	case a.Resumed || leavesEffect(err):
		r.note(ctx, s.Yield(end, a.Record), "giving back a key")
	default:
		r.note(ctx, s.Free(end, a.Record), "freeing a key")
	}
	return answer, err
}

func (r Request) note(ctx context.Context, err error, doing string) {
	if err != nil && r.Log != nil {
		r.Log.WarnContext(ctx, doing, "error", err, "key_id", r.Key.ID())
	}
}
