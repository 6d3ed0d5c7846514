package store_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"bazaar/shared/fault"
	"bazaar/shared/presence"
	"bazaar/shared/rdb"
	"bazaar/tests/support"
)

// settled makes a Redis one that has long had nodes.
func settled(t *testing.T, c *rdb.Client) *presence.Store {
	t.Helper()
	must(t, c.Set(t.Context(), "presence:{node}:since", time.Now().Add(-time.Hour).UnixMilli(), 0).Err())
	s := presence.NewStore(c, mostSockets)
	must(t, s.Renew(t.Context(), "n1"))
	return s
}

func TestMissingAreToldOnceInAWhile(t *testing.T) {
	t.Parallel()
	c := support.Redis(t)
	s := settled(t, c)
	holding(t, s, socket("a", "laptop"))
	everyone := []string{"alice", "bob", "carol"}
	ask := func(conversation string, quiet time.Duration, want ...string) {
		t.Helper()
		missing, sure := s.Missing(t.Context(), everyone, conversation, quiet)
		if !sure || !slices.Equal(missing, want) {
			t.Errorf("missing in %s: %q, sure %t; want %q", conversation, missing, sure, want)
		}
	}
	ask("g_x", time.Hour, "bob", "carol")
	ask("g_x", time.Hour)
	ask("g_y", time.Hour, "bob", "carol")
	if left, err := c.PTTL(t.Context(), "presence:{u:bob}:told").Result(); err != nil || left <= 0 || left > time.Hour {
		t.Errorf("what was told is kept for %s, %v", left, err)
	}
	ask("g_x", 0, "bob", "carol")
	many := make([]string, 1200)
	for i := range many {
		many[i] = fmt.Sprint("m", i)
	}
	if missing, sure := s.Missing(t.Context(), append(many, "alice"), "g_x", time.Hour); !sure || len(missing) != len(many) {
		t.Errorf("%d of %d are missing, sure %t", len(missing), len(many), sure)
	}
}

// An emptied Redis has no session either, until everybody has held again.
func TestMissingIsUnsureWhileRedisFillsAgain(t *testing.T) {
	t.Parallel()
	c := support.Redis(t)
	s := settled(t, c)
	holding(t, s, socket("a", "laptop"))
	must(t, c.FlushAll(t.Context()).Err())
	must(t, s.Renew(t.Context(), "n1"))
	if missing, sure := s.Missing(t.Context(), []string{"alice"}, "g_x", time.Hour); sure {
		t.Errorf("%q are missing for sure, of a Redis that knows nothing", missing)
	}
	if missing, sure := presence.NewStore(c, 0).Missing(t.Context(), nil, "g_x", time.Hour); sure || missing != nil {
		t.Errorf("nobody was asked about: %q, %t", missing, sure)
	}
}

func TestPresenceWithRedisAway(t *testing.T) {
	t.Parallel()
	c, server := support.FreshRedis(t)
	s := settled(t, c)
	x, _ := holding(t, s, socket("a", "laptop"))
	must(t, s.Renew(t.Context(), "n1")) // the nodes are known for a second more
	server.Kill()
	users := []string{"alice", "bob"}
	var all sync.WaitGroup
	for _, s := range []*presence.Store{s, presence.NewStore(c, mostSockets)} { // the second knows no node either
		all.Go(func() {
			if missing, sure := s.Missing(t.Context(), users, "g_x", time.Hour); sure || !slices.Equal(missing, users) {
				t.Errorf("missing %q, sure %t; want all, and that it is not sure", missing, sure)
			}
		})
	}
	for name, call := range map[string]func() error{
		"hold":  func() error { _, err := s.Hold(t.Context(), x, time.Now()); return err },
		"leave": func() error { _, err := s.Leave(t.Context(), x); return err },
		"look":  func() error { _, err := s.Look(t.Context(), users); return err },
		"renew": func() error { return s.Renew(t.Context(), "n1") },
	} {
		all.Go(func() {
			if err := call(); fault.KindOf(err) != fault.Unavailable {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	all.Wait()
}
