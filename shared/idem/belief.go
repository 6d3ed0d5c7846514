package idem

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"bazaar/shared/rdb"
)

// beliefs are the losses of the buckets that were whole, with nobody to ask, when
// a script last looked. They are what makes the short way: a script costs Redis
// three times what the two commands of beginShort do, and nearly every key is new
// in a bucket that is whole.
//
// The record of the short way carries the belief. It counts only while the
// bucket's marker is the believed one, which is read after it was written: so what
// is written into a bucket that has just lost its memory is no record, even when
// its writer dies at once, and nobody has to take it away.
type beliefs [buckets]atomic.Pointer[string]

// learn takes in what a script said; empty is nothing.
func (b *beliefs) learn(id, loss string) {
	if loss != "" {
		b[bucketOf(id)].Store(&loss)
	}
}

// beginShort begins a new key of a bucket that is believed to be whole. It has
// decided nothing where the key is in progress, or the belief was wrong.
func (s *Redis) beginShort(ctx context.Context, id string, c Claim) (r Record, o Outcome, decided bool, err error) {
	belief := &s.beliefs[bucketOf(id)]
	loss := belief.Load()
	if loss == nil || c.Join {
		return Record{}, Absent, false, nil
	}
	k := keys(id)
	set, marker, err := s.client.TogetherBoth(ctx,
		[]any{"set", k[0], begun(c, *loss), "nx", "get", "px", Kept.Milliseconds()}, []any{"get", k[1]})
	if err == nil {
		err = errors.Join(orNil(set.Err()), orNil(marker.Err()))
	}
	if err != nil {
		return Record{}, Absent, false, rdb.Fault(err, "beginning a key")
	}
	if now, _ := marker.Text(); now != "ready:"+*loss {
		belief.Store(nil)
		return Record{}, Absent, false, nil
	}
	if errors.Is(set.Err(), redis.Nil) {
		return Record{ID: id, Fingerprint: c.Fingerprint, Holder: c.Holder, Progress: c.Progress}, Began, true, nil
	}
	// Of what is in progress a script has to tell whether that counts.
	text, err := set.Text()
	if err != nil || !isDone(text) {
		return Record{}, Absent, false, rdb.Fault(err, "beginning a key")
	}
	r, o, err = c.met(id, text)
	return r, o, err == nil, err
}

// orNil is err, but nil where there was just nothing.
func orNil(err error) error {
	if errors.Is(err, redis.Nil) {
		return nil
	}
	return err
}
