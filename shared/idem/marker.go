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

// bucketName is b00..b15.
func bucketName(i int) string { return string([]byte{'b', byte('0' + i/10), byte('0' + i%10)}) }

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
	markers, err := m.read(ctx)
	if err != nil {
		return err
	}
	lost, recovering := false, false
	for i, marker := range markers {
		if marker == "" {
			if markers[i], err = m.run(ctx, m.scripts.lose, i, uuid.NewString()); err != nil {
				return err
			}
		}
		lost = lost || strings.HasPrefix(markers[i], "lost:")
	}
	if lost {
		if err := m.note(ctx, markers[:]); err != nil {
			return err
		}
	}
	for i, marker := range markers {
		if strings.HasPrefix(marker, "recovering:") {
			if err := m.recover(ctx, i, marker); errors.Is(err, ErrUnsure) {
				recovering = true
			} else if err != nil {
				return err
			}
		}
	}
	if recovering {
		return errUnsure()
	}
	return nil
}

// read gets all markers in one round trip; a missing one is empty.
func (m *marks) read(ctx context.Context) (markers [buckets]string, err error) {
	pipe := m.client.Pipeline()
	var replies [buckets]*redis.StringCmd
	for i := range buckets {
		replies[i] = pipe.Get(ctx, markerKey(bucketName(i)))
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return markers, rdb.Fault(err, "reading the markers of idem")
	}
	for i, reply := range replies {
		marker, err := reply.Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return markers, rdb.Fault(err, "reading a marker of idem")
		}
		markers[i] = marker
	}
	return markers, nil
}

// run runs a script on the marker of bucket i and gives what the marker is then.
func (m *marks) run(ctx context.Context, s rdb.Script, i int, args ...any) (string, error) {
	now, err := s.Run(ctx, m.client, []string{markerKey(bucketName(i))}, args...)
	if err != nil {
		return "", err
	}
	marker, _ := now.(string)
	return marker, nil
}

// note puts the queue's end into the markers that are lost. It is read once,
// after all losses were noticed: were it read for each bucket, an order taken in
// the first one would make the next of a new Redis look like one that lost something.
func (m *marks) note(ctx context.Context, markers []string) error {
	seq, err := m.queue.LastSeq(ctx, bus.QueueStream)
	if err != nil {
		return err
	}
	for i, marker := range markers {
		rest, lost := strings.CutPrefix(marker, "lost:")
		if !lost {
			continue
		}
		next := "ready:0"
		if seq > 0 {
			next = fmt.Sprintf("recovering:%d:%s", seq, rest)
		}
		if markers[i], err = m.run(ctx, m.scripts.step, i, marker, next); err != nil {
			return err
		}
	}
	return nil
}

// recover makes a bucket ready when the queue has passed; ErrUnsure until then.
func (m *marks) recover(ctx context.Context, i int, marker string) error {
	word, rest, _ := strings.Cut(strings.TrimPrefix(marker, "recovering:"), ":")
	seq, err := strconv.ParseUint(word, 10, 64)
	if err != nil {
		return fmt.Errorf("reading the marker %q: %w", marker, err)
	}
	passed, err := m.queue.Passed(ctx, seq)
	if err != nil {
		return err
	}
	if !passed {
		return errUnsure()
	}
	loss, _, _ := strings.Cut(rest, ":")
	_, err = m.run(ctx, m.scripts.step, i, marker, "ready:"+loss)
	return err
}
