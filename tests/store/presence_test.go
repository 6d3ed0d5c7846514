package store_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"bazaar/shared/fault"
	"bazaar/shared/presence"
	"bazaar/shared/rdb"
	"bazaar/tests/support"
)

const mostSockets = 10

// socket is a session of alice's that has not begun.
func socket(id, device string) presence.Session {
	return presence.Session{ID: id, User: "alice", Node: "n1", Device: device}
}

// holding holds a session and gives it with its beginning.
func holding(t *testing.T, s *presence.Store, x presence.Session) (presence.Session, presence.Held) {
	t.Helper()
	held, err := s.Hold(t.Context(), x, time.Time{})
	must(t, err)
	x.Since = held.Since
	return x, held
}

// sockets are the sessions that Redis has of alice, by id.
func sockets(t *testing.T, c *rdb.Client) []string {
	t.Helper()
	members, err := c.ZRange(t.Context(), "presence:{u:alice}:session", 0, -1).Result()
	must(t, err)
	for i, m := range members {
		members[i] = strings.Split(m, "|")[1]
	}
	slices.Sort(members)
	return members
}

func isOnline(t *testing.T, s *presence.Store, user string) bool {
	t.Helper()
	found, err := s.Look(t.Context(), []string{user})
	must(t, err)
	return found[user].Online
}

func TestManySessionsAreHeldAtOnce(t *testing.T) {
	t.Parallel()
	c := support.Redis(t)
	s := presence.NewStore(c, mostSockets)
	must(t, s.Renew(t.Context(), "n1"))
	old, _ := holding(t, s, socket("old", "laptop"))
	all := []presence.Holding{
		{Session: old}, {Session: socket("new", "laptop")}, {Session: socket("no session", "phone")}, {Session: socket("p", "phone"), Active: time.UnixMilli(1)},
	}
	held, errs := s.HoldAll(t.Context(), all)
	if errs[0] != nil || held[0].Since != old.Since || held[0].First || held[0].Lost {
		t.Errorf("renewed: %+v, %v", held[0], errs[0])
	}
	if errs[1] != nil || held[1].Since <= old.Since || len(held[1].Replaced) != 1 || held[1].Replaced[0].ID != "old" {
		t.Errorf("begun: %+v, %v", held[1], errs[1])
	}
	if errs[2] == nil || errs[3] != nil {
		t.Errorf("errors %v, %v; want the first only", errs[2], errs[3])
	}
	if have := sockets(t, c); !slices.Equal(have, []string{"new", "p"}) {
		t.Errorf("held: %q", have)
	}
}

func TestADeviceHasOneSocket(t *testing.T) {
	t.Parallel()
	c := support.Redis(t)
	s := presence.NewStore(c, mostSockets)
	old, held := holding(t, s, socket("old", "laptop"))
	if !held.First || held.Lost || held.Replaced != nil || held.Since == 0 {
		t.Errorf("the first socket: %+v", held)
	}
	phone, held := holding(t, s, socket("phone", "phone"))
	if held.First || held.Lost || held.Replaced != nil {
		t.Errorf("the first socket of another device: %+v", held)
	}
	x := socket("new", "laptop")
	x.Node = "n2"
	fresh, held := holding(t, s, x)
	if held.Lost || !slices.Equal(held.Replaced, []presence.Session{old}) || fresh.Since <= old.Since {
		t.Errorf("the second socket of a device: %+v, want it to replace %+v", held, old)
	}
	if _, held = holding(t, s, old); !held.Lost || held.Replaced != nil {
		t.Errorf("who was replaced holds again: %+v", held)
	}
	for _, x := range []presence.Session{fresh, phone} {
		if _, held := holding(t, s, x); held.Lost || held.Replaced != nil || held.First || held.Since != x.Since {
			t.Errorf("%s holds again: %+v", x.ID, held)
		}
	}
	if got := sockets(t, c); !slices.Equal(got, []string{"new", "phone"}) {
		t.Errorf("kept %q", got)
	}
}

func TestALateGoodbyeTakesNobodysPlace(t *testing.T) {
	t.Parallel()
	s := presence.NewStore(support.Redis(t), mostSockets)
	must(t, s.Renew(t.Context(), "n1"))
	old, _ := holding(t, s, socket("old", "laptop"))
	fresh, _ := holding(t, s, socket("new", "laptop"))
	if last, err := s.Leave(t.Context(), old); last || err != nil {
		t.Errorf("the replaced one was the last: %t, %v", last, err)
	}
	if !isOnline(t, s, "alice") {
		t.Error("a late goodbye took the place of another")
	}
	fresh.Since = 0 // whose answer was lost does not know when it began
	if last, err := s.Leave(t.Context(), fresh); !last || err != nil {
		t.Errorf("the last one leaves: %t, %v", last, err)
	}
	found, err := s.Look(t.Context(), []string{"alice", "nobody"})
	must(t, err)
	if p := found["alice"]; p.Online || time.Since(p.LastActive).Abs() > time.Minute {
		t.Errorf("after the last: %+v", p)
	}
	if p, ok := found["nobody"]; !ok || p.Online || !p.LastActive.IsZero() {
		t.Errorf("who never was there: %+v, %t", p, ok)
	}
}

// Beginning twice is what a caller does whose first answer got lost.
func TestToBeginTwiceIsToBeginOnce(t *testing.T) {
	t.Parallel()
	c := support.Redis(t)
	s := presence.NewStore(c, mostSockets)
	first := socket("a", "laptop")
	first.Since = 1_795_000_000_000 // long ago: the twin would be seen
	holding(t, s, first)
	again, held := holding(t, s, socket("a", "laptop"))
	if again.Since != first.Since || held.Lost || held.First || held.Replaced != nil {
		t.Errorf("began at %d, and then %+v", first.Since, held)
	}
	if got := sockets(t, c); len(got) != 1 {
		t.Errorf("kept %q", got)
	}
}

// The clock of a Redis that took over may be behind: who comes is the newest all
// the same, or a device could not come back until the clock has caught up.
func TestWhoComesIsNewerThanWhoIsThere(t *testing.T) {
	t.Parallel()
	s := presence.NewStore(support.Redis(t), mostSockets)
	ahead := socket("ahead", "laptop")
	ahead.Since = time.Now().Add(time.Hour).UnixMilli()
	holding(t, s, ahead)
	fresh, held := holding(t, s, socket("new", "laptop"))
	if held.Lost || fresh.Since <= ahead.Since || len(held.Replaced) != 1 {
		t.Errorf("who came after one of %d: %+v", ahead.Since, held)
	}
}

func TestOneSocketTooManyEndsTheOldest(t *testing.T) {
	t.Parallel()
	c := support.Redis(t)
	s := presence.NewStore(c, mostSockets)
	var all []presence.Session
	for i := range mostSockets {
		x, held := holding(t, s, socket(fmt.Sprint("s", i), fmt.Sprint("d", i)))
		if held.Replaced != nil || held.Lost {
			t.Fatalf("socket %d: %+v", i, held)
		}
		all = append(all, x)
	}
	_, held := holding(t, s, socket("one-more", "another"))
	if held.Lost || !slices.Equal(held.Replaced, all[:1]) {
		t.Errorf("one more: %+v", held)
	}
	if _, held = holding(t, s, all[0]); !held.Lost {
		t.Errorf("the oldest holds again: %+v", held)
	}
	if got := sockets(t, c); len(got) != mostSockets || slices.Contains(got, "s0") {
		t.Errorf("kept %q", got)
	}
}

// round lets every session hold once, in any order, and gives those that were
// told to go, by their own call or by another's.
func round(t *testing.T, s *presence.Store, all []presence.Session) map[string]bool {
	t.Helper()
	gone := map[string]bool{}
	for _, i := range rand.Perm(len(all)) {
		_, held := holding(t, s, all[i])
		if held.Lost {
			gone[all[i].ID] = true
		}
		for _, other := range held.Replaced {
			gone[other.ID] = true
		}
	}
	return gone
}

// Fourteen sockets of twelve devices think that they are there: Redis was
// emptied, or their notices got lost. One round puts it right, in any order.
func TestEmptiedRedisIsRightAfterOneRound(t *testing.T) {
	t.Parallel()
	c := support.Redis(t)
	s := presence.NewStore(c, mostSockets)
	var all []presence.Session
	for i := range 14 {
		x := socket(fmt.Sprint("s", i), fmt.Sprint("d", i%12)) // s12 and s13 replace s0 and s1
		x.Since = int64(1_795_000_000_000 + i)
		all = append(all, x)
	}
	// Of twelve devices the ten newest sockets stay.
	want := []string{"s10", "s11", "s12", "s13", "s4", "s5", "s6", "s7", "s8", "s9"}
	for range 20 {
		must(t, c.FlushAll(t.Context()).Err())
		gone := round(t, s, all)
		if got := sockets(t, c); !slices.Equal(got, want) {
			t.Fatalf("kept %q, want %q", got, want)
		}
		if told := slices.Sorted(maps.Keys(gone)); !slices.Equal(told, []string{"s0", "s1", "s2", "s3"}) {
			t.Fatalf("told to go: %q", told)
		}
	}
}

// Whatever comes at the same time: what is kept and what was told to go are
// everyone, and nobody is both.
func TestManyHoldAtTheSameTime(t *testing.T) {
	t.Parallel()
	c := support.Redis(t)
	s := presence.NewStore(c, mostSockets)
	var mu sync.Mutex
	gone, begun := map[string]int{}, map[string]presence.Session{}
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			x := socket(fmt.Sprint("s", i), fmt.Sprint("d", i%25))
			held, err := s.Hold(t.Context(), x, time.Now())
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			x.Since = held.Since
			begun[x.ID] = x
			for _, other := range held.Replaced {
				gone[other.ID]++
			}
			if held.Lost {
				t.Errorf("%s lost at once", x.ID)
			}
		})
	}
	all.Wait()
	kept := sockets(t, c)
	if len(kept) != mostSockets || len(kept)+len(gone) != 60 {
		t.Errorf("%d kept, %d told to go, of 60", len(kept), len(gone))
	}
	order := slices.SortedFunc(maps.Values(begun), func(a, b presence.Session) int { return int(a.Since - b.Since) })
	devices := map[string]bool{}
	for _, x := range slices.Backward(order) { // the newest of each device, newest first
		stays := !devices[x.Device] && len(devices) < mostSockets
		devices[x.Device] = true
		if stays != slices.Contains(kept, x.ID) || stays != (gone[x.ID] == 0) {
			t.Errorf("%s of %s: kept %t, told to go %d times; want it to stay: %t", x.ID, x.Device, slices.Contains(kept, x.ID), gone[x.ID], stays)
		}
	}
}

// expire ends leases: those of all members of a set.
func expire(t *testing.T, c *rdb.Client, key string, members ...string) {
	t.Helper()
	for _, m := range members {
		must(t, c.ZAddXX(t.Context(), key, redis.Z{Score: float64(time.Now().Add(-time.Second).UnixMilli()), Member: m}).Err())
	}
}

func TestSocketsOfADeadNodeDoNotCount(t *testing.T) {
	t.Parallel()
	c := support.Redis(t)
	s := presence.NewStore(c, mostSockets)
	must(t, s.Renew(t.Context(), "n1"))
	must(t, s.Renew(t.Context(), "n2"))
	holding(t, s, socket("a", "laptop"))
	bobs := presence.Session{ID: "b", User: "bob", Node: "n2", Device: "laptop"}
	holding(t, s, bobs)
	if !isOnline(t, s, "alice") || !isOnline(t, s, "bob") {
		t.Error("sockets of live nodes do not count")
	}
	expire(t, c, "presence:{node}:lease", "n1")
	until(t, 5*time.Second, func() bool { return !isOnline(t, s, "alice") }) // as old as a reading may be
	if !isOnline(t, s, "bob") {
		t.Error("another node died with it")
	}
	live, err := s.Nodes(t.Context())
	if err != nil || !maps.Equal(live, map[string]bool{"n2": true}) {
		t.Errorf("live nodes %v, %v", live, err)
	}
	must(t, s.Renew(t.Context(), "n1"))
	if !isOnline(t, s, "alice") {
		t.Error("a node that renews does not live again")
	}
}

func TestASocketThatIsNotHeldAgainIsGone(t *testing.T) {
	t.Parallel()
	c := support.Redis(t)
	s := presence.NewStore(c, mostSockets)
	must(t, s.Renew(t.Context(), "n1"))
	x, _ := holding(t, s, socket("a", "laptop"))
	if left, err := c.PTTL(t.Context(), "presence:{u:alice}:session").Result(); err != nil || left <= 0 || left > presence.SessionLease {
		t.Errorf("the key is kept for %s, %v", left, err)
	}
	expire(t, c, "presence:{u:alice}:session", fmt.Sprintf("%013d|a|n1|laptop", x.Since))
	if isOnline(t, s, "alice") {
		t.Error("a lease that ended counts")
	}
	if _, held := holding(t, s, socket("b", "laptop")); held.Replaced != nil || !held.First {
		t.Errorf("who comes after a lease that ended: %+v", held)
	}
}

func TestLastActiveOnlyMovesForward(t *testing.T) {
	t.Parallel()
	s := presence.NewStore(support.Redis(t), mostSockets)
	now := time.Now().Truncate(time.Millisecond)
	hold := func(id string, active time.Time) time.Time {
		t.Helper()
		_, err := s.Hold(t.Context(), socket(id, id), active)
		must(t, err)
		found, err := s.Look(t.Context(), []string{"alice"})
		must(t, err)
		return found["alice"].LastActive
	}
	if got := hold("a", now.Add(-time.Minute)); !got.Equal(now.Add(-time.Minute)) {
		t.Errorf("last active %s, want a minute before %s", got, now)
	}
	if got := hold("idle", now.Add(-time.Hour)); !got.Equal(now.Add(-time.Minute)) {
		t.Errorf("an idle device took it back to %s", got)
	}
	if got := hold("b", time.Time{}); !got.Equal(now.Add(-time.Minute)) {
		t.Errorf("nothing was said, and it moved to %s", got)
	}
	if got := hold("ahead", now.Add(time.Hour)); got.After(now.Add(time.Minute)) {
		t.Errorf("a clock that is ahead made it %s", got)
	}
}

func TestPresenceRefusesWhatIsNoID(t *testing.T) {
	t.Parallel()
	s := presence.NewStore(support.Redis(t), mostSockets)
	for _, word := range []string{"", "a|b", "a}{", strings.Repeat("x", 65)} {
		good := socket("a", "laptop")
		for i, x := range []presence.Session{
			{ID: word, User: good.User, Node: good.Node, Device: good.Device}, {ID: good.ID, User: word, Node: good.Node, Device: good.Device},
			{ID: good.ID, User: good.User, Node: word, Device: good.Device}, {ID: good.ID, User: good.User, Node: good.Node, Device: word},
		} {
			if held, err := s.Hold(t.Context(), x, time.Time{}); err == nil {
				t.Errorf("word %d is %q and held: %+v", i, word, held)
			}
			if _, err := s.Leave(t.Context(), x); err == nil {
				t.Errorf("word %d is %q and left", i, word)
			}
		}
		if _, err := s.Look(t.Context(), []string{word}); !fault.Is(err, "invalid_users") {
			t.Errorf("looked for %q: %v", word, err)
		}
		if err := s.Renew(t.Context(), word); err == nil {
			t.Errorf("renewed %q", word)
		}
	}
	if _, err := s.Look(context.Background(), make([]string, presence.MostUsers+1)); !fault.Is(err, "invalid_users") {
		t.Errorf("looked for too many: %v", err)
	}
}
