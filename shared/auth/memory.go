package auth

import (
	"crypto/sha256"
	"sync"
	"time"
)

const (
	shards   = 16   // a power of two
	shardCap = 1024 // tokens a shard remembers
)

// memory holds the claims of verified tokens under the tokens' hashes until
// they expire. It is bounded: when a shard is full, something goes.
type memory struct {
	shards [shards]shard
}

type shard struct {
	mu     sync.RWMutex
	claims map[[sha256.Size]byte]Claims
}

func newMemory() *memory {
	m := &memory{}
	for i := range m.shards {
		m.shards[i].claims = make(map[[sha256.Size]byte]Claims)
	}
	return m
}

func (m *memory) find(sum [sha256.Size]byte, now time.Time) (Claims, bool) {
	s := &m.shards[sum[0]%shards]
	s.mu.RLock()
	c, ok := s.claims[sum]
	s.mu.RUnlock()
	if !ok || !c.acceptable(now) {
		return Claims{}, false
	}
	return c, true
}

func (m *memory) add(sum [sha256.Size]byte, c Claims, now time.Time) {
	s := &m.shards[sum[0]%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.claims) >= shardCap {
		s.makeRoom(now)
	}
	s.claims[sum] = c
}

// makeRoom drops what has expired, or else any one entry: forgetting costs one
// signature check.
func (s *shard) makeRoom(now time.Time) {
	for sum, c := range s.claims {
		if !c.acceptable(now) {
			delete(s.claims, sum)
		}
	}
	for sum := range s.claims {
		if len(s.claims) < shardCap {
			return
		}
		delete(s.claims, sum)
	}
}

// acceptable is the parser's own rule for exp.
func (c Claims) acceptable(now time.Time) bool { return now.Before(c.Expires.Add(Leeway)) }
