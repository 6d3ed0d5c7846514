package auth

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"
	"time"
)

func sumOf(i int) [sha256.Size]byte {
	return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
}

func TestMemoryForgetsWhatExpired(t *testing.T) {
	t.Parallel()
	m, now := newMemory(), time.Unix(1_000_000, 0)
	m.add(sumOf(1), Claims{Subject: "a", Expires: now.Add(time.Minute)}, now)
	for name, c := range map[string]struct {
		at    time.Time
		known bool
	}{
		"at once":          {now, true},
		"in the leeway":    {now.Add(time.Minute + Leeway - time.Second), true},
		"after the leeway": {now.Add(time.Minute + Leeway), false},
	} {
		if _, ok := m.find(sumOf(1), c.at); ok != c.known {
			t.Errorf("%s: known %t", name, ok)
		}
	}
	if _, ok := m.find(sumOf(2), now); ok {
		t.Error("it knows what was never added")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	m, now := newMemory(), time.Unix(1_000_000, 0)
	last := 3 * shards * shardCap
	for i := range last + 1 {
		m.add(sumOf(i), Claims{Expires: now.Add(time.Minute)}, now)
	}
	size := 0
	for i := range m.shards {
		size += len(m.shards[i].claims)
	}
	if size > shards*shardCap {
		t.Errorf("it holds %d tokens", size)
	}
	if _, ok := m.find(sumOf(last), now); !ok {
		t.Error("the newest token is not remembered")
	}
}

func TestMemoryDropsTheExpiredFirst(t *testing.T) {
	t.Parallel()
	m, now := newMemory(), time.Unix(1_000_000, 0)
	s := &m.shards[0]
	for i := range shardCap {
		s.claims[sumOf(i)] = Claims{Expires: now.Add(-time.Hour)}
	}
	alive := sumOf(shardCap)
	s.claims[alive] = Claims{Expires: now.Add(time.Hour)}
	for len(s.claims) > lookedAt {
		before := len(s.claims)
		s.makeRoom(now)
		if got := before - len(s.claims); got < lookedAt-1 {
			t.Fatalf("it dropped %d of %d expired tokens", got, before)
		}
	}
	if _, ok := m.shards[0].claims[alive]; !ok {
		t.Error("it dropped the token that lives")
	}
}
