package idem

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"bazaar/shared/fault"
	"bazaar/shared/rdb"
)

// doubt is how long after a loss of Redis an attempt from before it may still
// come to its end. It is longer than any lease.
const doubt = 30 * time.Second

// Known asks Postgres for what an id gave: its fingerprint, and the answer
// rebuilt. It is asked only after a loss of Redis.
type Known func(ctx context.Context, id string) (Record, bool, error)

// Redis keeps records in Redis. Each record lies in one of 16 buckets by its
// id; a bucket shares a hash tag with its marker, which tells whether the bucket
// is complete (see marker.go). The server must not evict keys.
type Redis struct {
	client  *rdb.Client
	scripts scripts
	marks   *marks
	beliefs beliefs
	known   Known
}

// NewRedis makes a store. queue is where the effects of the keys go, and known
// what Postgres has of them once the queue has passed; known may be nil for a
// store that only finds.
func NewRedis(c *rdb.Client, queue Queue, known Known) *Redis {
	if known == nil {
		known = func(context.Context, string) (Record, bool, error) { return Record{}, false, nil }
	}
	s := newScripts()
	return &Redis{client: c, scripts: s, marks: &marks{client: c, scripts: s, queue: queue}, known: known}
}

// Watch keeps the markers in order until ctx ends, so that a loss is over as
// soon as it can be. Callers do the same when they meet one; Watch spares them.
func (s *Redis) Watch(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		// A failure is met again, and told, by the next caller.
		_ = s.marks.settle(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// keys are the record's and its bucket's marker's.
func keys(id string) []string {
	b := bucket(id)
	return []string{"idem:{" + b + "}:" + id, markerKey(b)}
}

// bucket is b00..b15 by the first digit of the id, which is of a hash.
func bucket(id string) string { return bucketName(bucketOf(id)) }

func bucketOf(id string) int {
	digit, err := strconv.ParseUint(id[:1], 16, 8)
	if err != nil {
		return 0
	}
	return int(digit)
}

// Begin is Store's. It answers from Redis alone as long as Redis was not
// emptied within the last 72 h; after a loss it waits for nobody: a key that
// neither Redis nor Postgres knows is refused until the queue has passed.
func (s *Redis) Begin(ctx context.Context, c Claim) (Record, Outcome, error) {
	id, asked := c.Key.ID(), ""
	if !word(c.Holder) || !word(c.Fingerprint) {
		return Record{}, Absent, fmt.Errorf("claiming key %s: its holder or fingerprint is no single word", id)
	}
	if record, outcome, decided, err := s.beginShort(ctx, id, c); decided || err != nil {
		return record, outcome, err
	}
	join := "0"
	if c.Join {
		join = "1"
	}
	for range 3 { // a marker that is mended, a loss that is asked about
		reply, err := s.scripts.begin.Run(ctx, s.client, keys(id), c.Fingerprint, c.Holder, c.Lease.Milliseconds(),
			c.Progress, join, asked, Kept.Milliseconds(), doubt.Milliseconds())
		if err != nil {
			return Record{}, Absent, err
		}
		f, err := fields(reply)
		if err != nil {
			return Record{}, Absent, err
		}
		record := Record{ID: id, Fingerprint: c.Fingerprint, Holder: c.Holder}
		switch f.at(0) {
		case "known", "taken":
			return c.met(id, f.at(1))
		case "running":
			return record, Running, nil
		case "absent":
			return record, Absent, nil
		case "began":
			record.Progress, record.Doubtful = c.Progress, f.at(1) == "1"
			s.beliefs.learn(id, f.at(2))
			return record, Began, nil
		}
		known, found, ready, err := s.afterLoss(ctx, id, f.at(0))
		switch {
		case err != nil:
			return Record{}, Absent, err
		case found && known.Fingerprint != c.Fingerprint:
			return known, Reused, nil
		case found:
			return known, Finished, nil
		case !ready:
			return Record{}, Absent, errUnsure()
		}
		asked = f.at(1)
	}
	return Record{}, Absent, errUnsure()
}

// met is what the claim finds in a record that is there: it is done, of another
// body, or has just become the claim's own.
func (c Claim) met(id, text string) (Record, Outcome, error) {
	record, isDone, err := parse(id, text)
	switch {
	case err != nil:
		return Record{}, Absent, err
	case record.Fingerprint != c.Fingerprint:
		return record, Reused, nil
	case isDone:
		return record, Finished, nil
	}
	return record, TakenOver, nil
}

// afterLoss decides about a key that a Redis which lost its memory does not
// have: Postgres may know it, or the bucket may be complete again (ready).
func (s *Redis) afterLoss(ctx context.Context, id, found string) (Record, bool, bool, error) {
	var unsettled error
	if found == "unsure" {
		if unsettled = s.marks.settle(ctx); unsettled == nil {
			return Record{}, false, true, nil // look again
		}
	}
	record, known, err := s.known(ctx, id)
	if err != nil {
		return Record{}, false, false, err
	}
	if !known && unsettled != nil {
		return Record{}, false, false, unsettled
	}
	record.ID = id
	return record, known, true, nil
}

// Find looks for the record of an order's id, to be asked after Postgres does
// not have the order: found is an accepted request, its draft in Progress.
// Errors: a fault with ErrUnsure in its chain while the key is in progress or
// Redis is catching up after a loss; then the id is not to be called unknown.
// It waits for an answer that a Lazy has given and not kept yet.
func (s *Redis) Find(ctx context.Context, id string) (Record, bool, error) {
	if uuid.Validate(id) != nil {
		return Record{}, false, nil
	}
	for pause := lag / 4; ; pause *= 2 {
		r, found, running, err := s.find(ctx, id)
		if !running || pause > 4*lag {
			return r, found, err
		}
		next := time.NewTimer(pause)
		select {
		case <-next.C:
		case <-ctx.Done():
			next.Stop()
			return r, found, err
		}
	}
}

func (s *Redis) find(ctx context.Context, id string) (r Record, found, running bool, err error) {
	for range 2 {
		reply, err := s.scripts.look.Run(ctx, s.client, keys(id), Kept.Milliseconds())
		if err != nil {
			return Record{}, false, false, err
		}
		f, err := fields(reply)
		if err != nil {
			return Record{}, false, false, err
		}
		switch f.at(0) {
		case "known":
			record, isDone, err := parse(id, f.at(1))
			if err == nil && !isDone {
				return Record{}, false, true, errUnsure()
			}
			return record, err == nil, false, err
		case "absent":
			return Record{}, false, false, nil
		}
		known, found, _, err := s.afterLoss(ctx, id, f.at(0))
		if err != nil || found || f.at(0) == "ask" {
			return known, found, false, err
		}
	}
	return Record{}, false, false, errUnsure()
}

// Finish is Store's. It also writes a record that was lost since Begin: its
// answer is about to be told.
func (s *Redis) Finish(ctx context.Context, r Record, a Answer) error {
	_, err := s.finishAll(ctx, []answered{{record: r, answer: a}})
	return err
}

// mostFinished bounds the answers of one script: nothing else runs meanwhile.
const mostFinished = 32

// finishAll is Finish for many, in one round trip, with one script for those of
// a bucket. It gives those that are worth another attempt, since Redis was not
// there, and what the first failure was.
func (s *Redis) finishAll(ctx context.Context, all []answered) (again []answered, err error) {
	var together [][]answered
	current := map[string]int{} // of a bucket
	for _, one := range all {
		b := bucket(one.record.ID)
		at, found := current[b]
		if !found || len(together[at]) == mostFinished {
			at = len(together)
			current[b], together = at, append(together, nil)
		}
		together[at] = append(together[at], one)
	}
	calls := make([]rdb.Call, len(together))
	for i, group := range together {
		calls[i].Args = []any{Kept.Milliseconds()}
		for _, one := range group {
			calls[i].Keys = append(calls[i].Keys, keys(one.record.ID)[0])
			calls[i].Args = append(calls[i].Args, one.record.Holder, done(one.record, one.answer))
		}
	}
	for i, outcome := range s.scripts.finish.RunAll(ctx, s.client, calls) {
		words, met := wordsOf(outcome)
		for n, one := range together[i] {
			failed := met
			if met == nil && words.at(n) != "ok" {
				failed = errTaken()
			} else if fault.KindOf(met) == fault.Unavailable {
				again = append(again, one)
			}
			if failed != nil && err == nil {
				err = fmt.Errorf("key %s: %w", one.record.ID, failed)
			}
		}
	}
	return again, err
}

// Yield is Store's.
func (s *Redis) Yield(ctx context.Context, r Record) error {
	_, err := s.scripts.yield.Run(ctx, s.client, keys(r.ID), r.Holder)
	return err
}

// Free is Store's.
func (s *Redis) Free(ctx context.Context, r Record) error {
	_, err := s.scripts.free.Run(ctx, s.client, keys(r.ID), r.Holder)
	return err
}

// reply is a script's answer: words, some of them missing.
type reply []string

func fields(v any) (reply, error) {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return nil, fmt.Errorf("a script of idem answered a %T", v)
	}
	words := make(reply, len(list))
	for i, word := range list {
		words[i], _ = word.(string)
	}
	return words, nil
}

func wordsOf(o rdb.Outcome) (reply, error) {
	if o.Err != nil {
		return nil, o.Err
	}
	return fields(o.Reply)
}

func (r reply) at(i int) string {
	if i < len(r) {
		return r[i]
	}
	return ""
}
