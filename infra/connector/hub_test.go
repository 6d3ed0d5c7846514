package connector

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"bazaar/shared/message"
)

// TestWhoIsOutGetsNothing: whatever order of announcements, changes, readings and
// answers, late or lost, nobody gets what happened at a version at which the
// user was out; and when all has come, everybody who is in gets the next message.
func TestWhoIsOutGetsNothing(t *testing.T) {
	t.Parallel()
	delivered, reached := 0, 0
	for seed := range uint64(1500) {
		s := &story{scene: newScene(), store: newStore("a", "b", "c"), t: t, r: rand.New(rand.NewPCG(seed, 1)), users: []string{"a", "b", "c", "d"}}
		s.got = func(c *client, d *delivery) {
			delivered++
			from, in := s.members[d.version][c.user]
			if !in || d.last > 0 && d.last <= from {
				t.Fatalf("seed %d: %s got %+v, in %t from %d:\n%s", seed, c.user, d, in, from, strings.Join(s.trace, "\n"))
			}
		}
		for range 80 {
			s.step()
		}
		reached += s.settleDown(t, seed)
	}
	if delivered < 3000 || reached < 1500 {
		t.Errorf("%d frames were delivered, %d at the end: the stories are about nothing", delivered, reached)
	}
}

// settleDown brings all that is under way, and the sweep, and then a message that
// has to reach who is in. It gives how many it reached.
func (s *story) settleDown(t *testing.T, seed uint64) int {
	s.flying = nil
	bring := func() {
		for range 60 {
			s.now += 200
			for _, c := range s.rows {
				s.hub.swept(message.Heads{Heads: map[string]message.Head{"g": head(s.version(), s.store.seq)}, Members: []message.Change{c}}, at(s.now))
			}
			s.hub.tick(at(s.now))
			s.answer()
			s.arrive(false)
		}
	}
	bring()
	got := map[*client]int{}
	was := s.got
	s.got = func(c *client, d *delivery) { was(c, d); got[c]++ }
	s.store.seq++
	s.hub.hear(message1(s.version(), s.store.seq), at(s.now))
	bring()
	for _, c := range s.clients {
		_, in := s.members[s.version()][c.user]
		if want := map[bool]int{true: 1}[in]; got[c] != want {
			t.Fatalf("seed %d: %s, in %t, got the last message %d times:\n%s", seed, c.user, in, got[c], strings.Join(s.trace, "\n"))
		}
	}
	return len(got)
}

func TestAnAnnouncementOfALaterVersionWaits(t *testing.T) {
	t.Parallel()
	s := newScene()
	got := map[string][]int64{}
	s.got = func(c *client, d *delivery) { got[c.user] = append(got[c.user], d.last) }
	s.sit(t, person("a"), place1("a", 3, 0, 10))
	s.sit(t, person("b"), place1("b", 3, 0, 10))
	s.hear(message1(3, 11), at(0))
	s.hear(message1(4, 12), at(0))
	s.hear(message1(4, 13), at(0))
	if len(got["a"]) != 1 || len(got["b"]) != 1 || len(s.asked) != 1 || s.asked[0] != (question{"g", 3}) {
		t.Fatalf("got %v, asked %v", got, s.asked)
	}
	s.answered(s.asked[0], head(4, 13), []message.Change{{Conversation: "g", User: "b", Version: 4, Gone: true}}, nil, at(100))
	if len(got["a"]) != 3 || len(got["b"]) != 1 {
		t.Errorf("got %v", got)
	}
	if len(s.told) != 1 || s.told[0].client.user != "b" {
		t.Errorf("told %+v: only b is, of being out", s.told)
	}
}

func TestWithoutAnAnswerThereIsAHint(t *testing.T) {
	t.Parallel()
	s := newScene()
	got := 0
	s.got = func(*client, *delivery) { got++ }
	s.sit(t, person("a"), place1("a", 3, 0, 10))
	s.hear(message1(4, 11), at(0))
	s.tick(at(900))
	if len(s.hints) != 0 {
		t.Fatal("a hint before the second was over")
	}
	s.tick(at(1000))
	if len(s.hints) != 1 || s.hints[0].seq != 11 || got != 0 {
		t.Fatalf("hints %+v, got %d", s.hints, got)
	}
	s.hear(message1(4, 12), at(1100))
	if len(s.hints) != 2 {
		t.Error("while it is not known who is in, there are hints at once")
	}
	s.answered(s.asked[0], message.Head{}, nil, errors.New("away"), at(1200))
	s.tick(at(2100))
	if len(s.asked) != 1 {
		t.Errorf("asked %d times within a second", len(s.asked))
	}
	s.tick(at(2200))
	if len(s.asked) != 2 {
		t.Fatalf("asked %d times, not again after a second", len(s.asked))
	}
	s.answered(s.asked[1], head(4, 12), nil, nil, at(2300))
	s.hear(message1(4, 13), at(2400))
	if got != 1 {
		t.Errorf("got %d frames once it was known", got)
	}
}

func TestAReadingThatIsTooOldSeatsNobody(t *testing.T) {
	t.Parallel()
	s := newScene()
	s.sit(t, person("a"), place1("a", 5, 0, 10))
	for name, prepare := range map[string]func() message.Seat{
		"a version before that of the room":  func() message.Seat { return place1("b", 4, 0, 10) },
		"the user was told of while reading": func() message.Seat { return place1("b", 6, 0, 10) },
	} {
		c, users := person("b"), []string{"b"}
		if _, err := s.begin(users); err != nil {
			t.Fatal(err)
		}
		seat := prepare()
		if seat.Version == 6 {
			s.changed(message.Change{Conversation: "g", User: "b", Version: 7, Gone: true}, 10, "a", at(0))
		}
		pinned := map[string]bool{}
		_, _ = s.reserve([]message.Seat{seat}, pinned, at(0))
		left := s.take(users, map[string][]*client{"b": {c}}, map[string][]message.Seat{"b": {seat}}, at(0))
		s.release(users, pinned)
		if _, in := s.let[c]; len(left) != 1 || in {
			t.Errorf("%s: again %q, let in %t", name, left, in)
		}
	}
}

func TestALostLastAnnouncementIsPinged(t *testing.T) {
	t.Parallel()
	s := newScene()
	s.sit(t, person("a"), place1("a", 3, 0, 10))
	s.swept(message.Heads{Heads: map[string]message.Head{"g": head(3, 11)}}, at(0))
	s.tick(at(400))
	if len(s.pings) != 0 {
		t.Error("pinged while it may be on the way")
	}
	s.tick(at(500))
	if len(s.pings) != 1 || s.pings[0].seq != 11 {
		t.Fatalf("pings %+v", s.pings)
	}
	s.swept(message.Heads{Heads: map[string]message.Head{"g": head(3, 11)}}, at(2000))
	s.tick(at(3000))
	if len(s.pings) != 1 {
		t.Error("pinged again for the same")
	}
	s.swept(message.Heads{Heads: map[string]message.Head{"g": head(3, 12)}}, at(3000))
	s.hear(message1(3, 12), at(3100))
	s.tick(at(4000))
	if len(s.pings) != 1 {
		t.Error("pinged for what came")
	}
}

func TestANewConversationIsHeardAndLookedAt(t *testing.T) {
	t.Parallel()
	s := newScene()
	c := person("a")
	s.sit(t, c)
	s.hear((&store{rows: map[string]message.Change{"a": {Version: 1}}}).changed("a"), at(0))
	if !s.heard[message.SentSubject("g")] || len(s.looks) != 1 {
		t.Fatalf("heard %v, looks %v", s.heard, s.looks)
	}
	if len(s.told) != 1 || s.told[0].client != c || s.told[0].room != "g" {
		t.Errorf("told of the conversation, in which nobody has spoken: %+v", s.told)
	}
	s.looked("g", head(1, 2), at(10))
	if len(s.hints) != 1 || s.hints[0].seq != 2 {
		t.Errorf("hints %+v", s.hints)
	}
	s.leave(c)
	s.tick(time.Now().Add(emptyFor - time.Second))
	if !s.heard[message.SentSubject("g")] {
		t.Error("the room was closed at once")
	}
	s.tick(time.Now().Add(emptyFor))
	if len(s.heard) != 0 || len(s.rooms)+len(s.users)+len(s.vacant) != 0 {
		t.Errorf("still heard: %v", s.heard)
	}
}

func TestARowOfTheSweepSeatsAndHints(t *testing.T) {
	t.Parallel()
	s := newScene()
	c := person("a")
	s.sit(t, c)
	row := message.Change{Conversation: "g", User: "a", Version: 2, From: 4}
	s.swept(message.Heads{Heads: map[string]message.Head{"g": head(2, 6)}, Members: []message.Change{row}}, at(0))
	if s.seats[c]["g"] != (seat{from: 4, since: 2}) || len(s.told) != 1 || s.told[0].seq != 6 {
		t.Errorf("seats %v, told %+v", s.seats[c], s.told)
	}
	s.swept(message.Heads{Members: []message.Change{row}}, at(2000))
	if len(s.told) != 1 {
		t.Error("hinted twice")
	}
}
