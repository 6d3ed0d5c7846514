package auth

import (
	"crypto/sha256"
	"sync"
	"time"
)

const (
	shards   = 16   // a power of two
	shardCap = 1024 // tokens a shard remembers
	lookedAt = 8    // entries that making room looks at
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

// makeRoom looks at a few entries, wherever the map begins, and drops those that
// have expired, or else one that has not: forgetting costs one signature check.
func (s *shard) makeRoom(now time.Time) {
	var looked, dropped int
	for sum, c := range s.claims {
		looked++
		if last := looked == lookedAt; !c.acceptable(now) || last && dropped == 0 {
			delete(s.claims, sum)
			dropped++
		}
		if looked == lookedAt {
			return
		}
	}
}

// acceptable is the parser's own rule for exp.
func (c Claims) acceptable(now time.Time) bool { return now.Before(c.Expires.Add(Leeway)) }
