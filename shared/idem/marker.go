package idem

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/singleflight"

	"bazaar/shared/bus"
	"bazaar/shared/rdb"
)

// buckets is how many parts the records lie in, each wholly in one Redis shard.
const buckets = 16

// A bucket's marker tells whether the bucket is complete. It is lost together
// with the records, and then goes through
//
//	(missing)                           Redis was emptied, or is new
//	lost:<ms>:<random>                  noticed at <ms> of Redis's clock
//	recovering:<seq>:<ms>:<random>      <seq> was the queue's last after the loss
//	ready:<ms>                          Postgres has all that the queue held then
//	ready:0                             the queue never held anything: nothing was lost
//
// Every step is made from exactly the marker that was seen, so that a second
// loss in between is never taken for the first one.
type marks struct {
	client  *rdb.Client
	scripts scripts
	queue   Queue
	once    singleflight.Group
}

// Queue is where effects wait before Postgres has them.
type Queue interface {
	// LastSeq is the last sequence of a stream, 0 when it never held anything.
	LastSeq(ctx context.Context, stream string) (uint64, error)
	// Passed reports whether Postgres has all up to seq of the queue.
	Passed(ctx context.Context, seq uint64) (bool, error)
}

func bucketName(i int) string { return fmt.Sprintf("b%02d", i) }

func markerKey(bucket string) string { return "idem:{" + bucket + "}:marker" }

// settle looks at all markers and moves on those that are not ready: a new
// Redis becomes ready as a whole, not bucket by bucket as each is first used.
// nil means that all are ready; an unavailable fault that some cannot be yet.
func (m *marks) settle(ctx context.Context) error {
	// A caller may get the result of a look that began a moment before its own
	// reading: it then looks at its bucket again.
	_, err, _ := m.once.Do("", func() (any, error) { return nil, m.settleAll(context.WithoutCancel(ctx)) })
	return err
}

func (m *marks) settleAll(ctx context.Context) error {
	if m.queue == nil {
		return errUnsure()
	}
	ctx, cancel := context.WithTimeout(ctx, closing)
	defer cancel()
	pipe := m.client.Pipeline()
	var seen [buckets]*redis.StringCmd
	for i := range buckets {
		seen[i] = pipe.Get(ctx, markerKey(bucketName(i)))
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return rdb.Fault(err, "reading the markers of idem")
	}
	var all error
	for i, cmd := range seen {
		marker, err := cmd.Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return rdb.Fault(err, "reading a marker of idem")
		}
		if err := m.advance(ctx, markerKey(bucketName(i)), marker); err != nil {
			all = err
		}
	}
	return all
}

// advance moves one marker as far as it goes.
func (m *marks) advance(ctx context.Context, key, marker string) error {
	for !strings.HasPrefix(marker, "ready:") {
		script, args := m.scripts.lose, []any{uuid.NewString()}
		if marker != "" {
			next, err := m.next(ctx, marker)
			if err != nil {
				return err
			}
			script, args = m.scripts.step, []any{marker, next}
		}
		now, err := script.Run(ctx, m.client, []string{key}, args...)
		if err != nil {
			return err
		}
		marker, _ = now.(string)
	}
	return nil
}

// next is what follows a marker; unavailable while it must stay.
func (m *marks) next(ctx context.Context, marker string) (string, error) {
	state, rest, _ := strings.Cut(marker, ":")
	switch state {
	case "lost":
		seq, err := m.queue.LastSeq(ctx, bus.QueueStream)
		if err != nil {
			return "", err
		}
		if seq == 0 {
			return "ready:0", nil
		}
		return fmt.Sprintf("recovering:%d:%s", seq, rest), nil
	case "recovering":
		word, rest, _ := strings.Cut(rest, ":")
		seq, err := strconv.ParseUint(word, 10, 64)
		if err != nil {
			return "", fmt.Errorf("reading the marker %q: %w", marker, err)
		}
		passed, err := m.queue.Passed(ctx, seq)
		if err != nil {
			return "", err
		}
		if !passed {
			return "", errUnsure()
		}
		loss, _, _ := strings.Cut(rest, ":")
		return "ready:" + loss, nil
	}
	return "", fmt.Errorf("the marker %q is none of ours", marker)
}
