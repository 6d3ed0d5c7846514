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

// missing asks about one audience.
func missing(t *testing.T, s *presence.Store, users []string, conversation string, quiet time.Duration) ([]string, bool) {
	t.Helper()
	missed := s.Missing(t.Context(), []presence.Audience{{Conversation: conversation, Users: users}}, quiet)
	if len(missed) != 1 {
		t.Fatalf("%d audiences have missed something, of one", len(missed))
	}
	return missed[0].Users, missed[0].Sure
}

func TestMissingOfManyConversations(t *testing.T) {
	t.Parallel()
	s := settled(t, support.Redis(t))
	holding(t, s, socket("a", "laptop"))
	audiences := []presence.Audience{
		{Conversation: "g_x", Users: []string{"alice", "bob"}},
		{Conversation: "g_y", Users: []string{"alice"}},
		{Conversation: "g_z", Users: []string{"bob", "carol"}},
	}
	missed := s.Missing(t.Context(), audiences, time.Hour)
	for i, want := range [][]string{{"bob"}, nil, {"bob", "carol"}} {
		if !missed[i].Sure || !slices.Equal(missed[i].Users, want) {
			t.Errorf("missing in %s: %+v; want %q", audiences[i].Conversation, missed[i], want)
		}
	}
}

func TestMissingAreToldOnceInAWhile(t *testing.T) {
	t.Parallel()
	c := support.Redis(t)
	s := settled(t, c)
	holding(t, s, socket("a", "laptop"))
	everyone := []string{"alice", "bob", "carol"}
	ask := func(conversation string, quiet time.Duration, want ...string) {
		t.Helper()
		missing, sure := missing(t, s, everyone, conversation, quiet)
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
	if missing, sure := missing(t, s, append(many, "alice"), "g_x", time.Hour); !sure || len(missing) != len(many) {
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
	if missing, sure := missing(t, s, []string{"alice"}, "g_x", time.Hour); sure {
		t.Errorf("%q are missing for sure, of a Redis that knows nothing", missing)
	}
	if missing, sure := missing(t, presence.NewStore(c, 0), nil, "g_x", time.Hour); sure || missing != nil {
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
			if missing, sure := missing(t, s, users, "g_x", time.Hour); sure || !slices.Equal(missing, users) {
				t.Errorf("missing %q, sure %t; want all, and that it is not sure", missing, sure)
			}
		})
	}
	for name, call := range map[string]func() error{
		"hold": func() error { _, err := s.Hold(t.Context(), x, time.Now()); return err },
		"hold all": func() error {
			_, errs := s.HoldAll(t.Context(), []presence.Holding{{Session: x}})
			return errs[0]
		},
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
