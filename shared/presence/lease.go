package presence

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"bazaar/shared/rdb"
)

const (
	leaseKey = "presence:{node}:lease"
	sinceKey = "presence:{node}:since"
	// leasesFor is how long a reading of the live nodes serves.
	leasesFor = time.Second
	// settledAfter is how long after its first node a Redis knows who is there: by
	// then everybody has held again, whom an emptied one had forgotten.
	settledAfter = HoldEvery + RenewEvery + 7*time.Second
)

// leases is the process's copy of the nodes that live.
type leases struct {
	client *rdb.Client
	renew  rdb.Script
	once   singleflight.Group

	mu   sync.Mutex
	read time.Time // before the last question was sent
	last nodes
}

type nodes struct {
	live    map[string]bool
	settled bool
	ahead   time.Duration // of the store's clock before ours
}

// now is the store's clock.
func (n nodes) now() int64 { return time.Now().Add(n.ahead).UnixMilli() }

// Renew says that a node lives. Its sessions count for NodeLease from now on,
// however long theirs is. Error: unavailable when Redis is away.
func (s *Store) Renew(ctx context.Context, node string) error {
	if !isID(node) {
		return fmt.Errorf("renewing a node: %q is no id", node)
	}
	_, err := s.leases.ask(ctx, node)
	return err
}

// Nodes are those that live, as of at most a second ago. The map is the
// caller's to read, not to change. Error: unavailable when Redis is away.
func (s *Store) Nodes(ctx context.Context) (live map[string]bool, err error) {
	n, err := s.leases.get(ctx)
	return n.live, err
}

func (l *leases) get(ctx context.Context) (nodes, error) {
	l.mu.Lock()
	last, fresh := l.last, !l.read.IsZero() && time.Since(l.read) < leasesFor
	l.mu.Unlock()
	if fresh {
		return last, nil
	}
	// Who asks first may leave; the others get the answer.
	got, err, _ := l.once.Do("", func() (any, error) { return l.ask(context.WithoutCancel(ctx), "") })
	if err != nil {
		return nodes{}, err
	}
	return got.(nodes), nil
}

// ask renews a node, or only looks, and keeps what it read.
func (l *leases) ask(ctx context.Context, node string) (nodes, error) {
	at := time.Now()
	reply, err := l.renew.Run(ctx, l.client, []string{leaseKey, sinceKey}, node, NodeLease.Milliseconds())
	if err != nil {
		return nodes{}, err
	}
	list, ok := reply.([]any)
	if !ok || len(list) != 3 {
		return nodes{}, fmt.Errorf("reading the live nodes: the script answered %v", reply)
	}
	n := nodes{
		live: map[string]bool{}, settled: number(list[0]) >= settledAfter.Milliseconds(),
		ahead: time.UnixMilli(number(list[2])).Sub(at),
	}
	for _, name := range words(list[1]) {
		n.live[name] = true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if at.After(l.read) {
		l.read, l.last = at, n
	}
	return n, nil
}
