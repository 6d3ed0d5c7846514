package connector

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"bazaar/shared/bus"
	"bazaar/shared/group"
	"bazaar/shared/message"
)

// scene is a hub whose decisions are carried out at once and noted.
type scene struct {
	*hub
	seats   map[*client]map[string]seat
	let     map[*client]map[string]int64 // in, with these heads
	asked   []question
	rereads []string
	looks   []string
	hints   []op
	pings   []op
	told    []op
	notes   []bus.Note
	heard   map[string]bool
	got     func(c *client, d *delivery)
}

func newScene() *scene {
	s := &scene{
		seats: map[*client]map[string]seat{}, let: map[*client]map[string]int64{}, heard: map[string]bool{},
		got: func(*client, *delivery) {},
	}
	s.hub = newHub("node", s, s, newMetrics(prometheus.NewRegistry()), slog.New(slog.DiscardHandler))
	return s
}

func (s *scene) Open(subject string) error  { s.heard[subject] = true; return nil }
func (s *scene) Close(subject string) error { delete(s.heard, subject); return nil }

func (s *scene) put(c *client, o op) {
	switch o.kind {
	case opWelcome:
		s.let[c] = o.heads
		s.seats[c] = map[string]seat{}
	case opSeat:
		s.seats[c][o.room] = o.seat
	case opUnseat:
		delete(s.seats[c], o.room)
		if o.frame.Len() > 0 {
			s.told = append(s.told, o)
		}
	case opTell:
		s.told = append(s.told, o)
	}
}

func (s *scene) all(o op) {
	switch o.kind {
	case opHint:
		s.hints = append(s.hints, o)
	case opPing:
		s.pings = append(s.pings, o)
	case opDeliver:
		for c, rooms := range s.seats {
			if at, ok := rooms[o.room]; ok && o.delivery.outcome(c.user, at) == passes {
				s.got(c, o.delivery)
			}
		}
	}
}

func (s *scene) ask(q question) bool { s.asked = append(s.asked, q); return true }
func (s *scene) look(id string)      { s.looks = append(s.looks, id) }
func (s *scene) reread(user string)  { s.rereads = append(s.rereads, user) }
func (s *scene) tell(n bus.Note)     { s.notes = append(s.notes, n) }
func person(name string) *client     { return &client{user: name} }
func at(ms int) time.Time            { return time.UnixMilli(int64(ms)) }
func head(v, seq int64) message.Head { return message.Head{Version: v, LastSeq: seq} }
func place1(u string, v, from, last int64) message.Seat {
	return message.Seat{User: u, Conversation: "g", Version: v, From: from, LastSeq: last}
}

// sit lets a client in with these seats.
func (s *scene) sit(t *testing.T, c *client, seats ...message.Seat) {
	t.Helper()
	users := []string{c.user}
	pinned := map[string]bool{}
	if _, err := s.begin(users); err != nil {
		t.Fatal(err)
	}
	if _, err := s.reserve(seats, pinned, at(0)); err != nil {
		t.Fatal(err)
	}
	left := s.take(users, map[string][]*client{c.user: {c}}, map[string][]message.Seat{c.user: seats}, at(0))
	s.release(users, pinned)
	if len(left) > 0 {
		t.Fatalf("%q are to be read again", left)
	}
}

func message1(version, seq int64) *nats.Msg {
	return &nats.Msg{Subject: message.SentSubject("g"), Data: fmt.Appendf(nil, `{"t":"message","seq":%d}`, seq), Header: nats.Header{
		message.HeaderFrame: {message.FrameMessage}, message.HeaderVersion: {strconv.FormatInt(version, 10)},
		message.HeaderFirst: {strconv.FormatInt(seq, 10)}, message.HeaderLast: {strconv.FormatInt(seq, 10)},
	}}
}

func event1(version int64) *nats.Msg {
	return &nats.Msg{Subject: message.SentSubject("g"), Data: []byte(`{"t":"event"}`), Header: nats.Header{
		message.HeaderFrame: {message.FrameEvent}, message.HeaderVersion: {strconv.FormatInt(version, 10)},
	}}
}

// store is a conversation as the store has it, at every version that it had.
type store struct {
	members []map[string]int64 // by version: user -> from
	rows    map[string]message.Change
	seq     int64
}

func newStore(users ...string) *store {
	s := &store{members: []map[string]int64{nil}, rows: map[string]message.Change{}}
	s.change(false, users...)
	return s
}

func (s *store) version() int64 { return int64(len(s.members) - 1) }

// change is one transaction that adds users, or removes them, or only touches them.
func (s *store) change(gone bool, users ...string) {
	next := map[string]int64{}
	for u, from := range s.members[s.version()] {
		next[u] = from
	}
	s.members = append(s.members, next)
	for _, u := range users {
		from, in := next[u]
		if !in {
			from = s.seq
		}
		next[u] = from
		if gone {
			delete(next, u)
		}
		s.rows[u] = message.Change{Conversation: "g", User: u, Version: s.version(), From: from, Gone: gone}
	}
}

func (s *store) read(user string) []message.Seat {
	from, in := s.members[s.version()][user]
	if !in {
		return nil
	}
	return []message.Seat{place1(user, s.version(), from, s.seq)}
}

func (s *store) since(version int64) (message.Head, []message.Change) {
	var all []message.Change
	for _, c := range s.rows {
		if c.Version > version {
			all = append(all, c)
		}
	}
	return head(s.version(), s.seq), all
}

func (s *store) changed(user string) *nats.Msg {
	c := s.rows[user]
	n := group.Changed{Conversation: "g", Version: c.Version, FromSeq: c.From, LastSeq: s.seq, Gone: c.Gone}.Note(user)
	return &nats.Msg{Subject: n.Subject, Data: n.Data}
}

// arrival is a reading of a user's seats that is under way.
type arrival struct {
	client *client // nil: only read again
	user   string
	read   []message.Seat
	pinned map[string]bool
	step   int
}

// story drives a hub through whatever order of things.
type story struct {
	*scene
	*store
	t        *testing.T
	r        *rand.Rand
	now      int
	flying   []*nats.Msg
	answers  []func()
	arrivals []*arrival
	clients  []*client
	users    []string
	trace    []string
}

func (s *story) say(format string, args ...any) {
	s.trace = append(s.trace, fmt.Sprintf(format, args...))
}

// step does one of the things that can happen next.
func (s *story) step() {
	s.now += s.r.IntN(300)
	switch s.r.IntN(9) {
	case 0:
		s.members1()
	case 1, 2:
		s.store.seq++
		s.say("message %d at %d", s.store.seq, s.version())
		s.flying = append(s.flying, message1(s.version(), s.store.seq))
	case 3:
		s.say("event at %d", s.version())
		s.flying = append(s.flying, event1(s.version()))
	case 4, 5:
		s.fly()
	case 6:
		s.answer()
	case 7:
		s.arrive(true)
	case 8:
		s.hub.tick(at(s.now))
		if s.r.IntN(8) == 0 && len(s.clients) > 0 {
			i := s.r.IntN(len(s.clients))
			s.say("%s leaves", s.clients[i].user)
			s.hub.leave(s.clients[i])
			delete(s.seats, s.clients[i])
			s.clients = slices.Delete(s.clients, i, i+1)
		}
	}
}

// members1 changes who is in the conversation: one user, or several at once.
func (s *story) members1() {
	some := s.users[:1+s.r.IntN(2)]
	s.r.Shuffle(len(s.users), func(i, j int) { s.users[i], s.users[j] = s.users[j], s.users[i] })
	gone := s.r.IntN(2) == 0
	some = slices.DeleteFunc(slices.Clone(some), func(u string) bool {
		_, in := s.members[s.version()][u]
		return gone && !in
	})
	if len(some) == 0 {
		return
	}
	s.store.change(gone, some...)
	s.say("version %d: gone %t %q", s.version(), gone, some)
	for _, u := range some {
		if s.r.IntN(3) > 0 { // else the word is lost
			s.flying = append(s.flying, s.store.changed(u))
		}
	}
}

// fly brings any of the notes, or loses it.
func (s *story) fly() {
	if len(s.flying) == 0 {
		return
	}
	i := s.r.IntN(len(s.flying))
	m := s.flying[i]
	s.flying = slices.Delete(s.flying, i, i+1)
	if s.r.IntN(10) > 0 {
		s.say("heard %s %v %s", m.Subject, m.Header, m.Data)
		s.hub.hear(m, at(s.now))
	}
}

// answer reads the store for a question, or brings an answer that was read.
func (s *story) answer() {
	for _, q := range s.asked {
		h, changes := s.store.since(q.version)
		s.say("read since %d: at %d %v", q.version, h.Version, changes)
		s.answers = append(s.answers, func() { s.hub.answered(q, h, changes, nil, at(s.now)) })
	}
	s.asked = nil
	if len(s.answers) > 0 && s.r.IntN(2) == 0 {
		i := s.r.IntN(len(s.answers))
		s.say("an answer comes")
		s.answers[i]()
		s.answers = slices.Delete(s.answers, i, i+1)
	}
}

// reading reports whether a user's seats are being read.
func (s *story) reading(user string) bool {
	return slices.ContainsFunc(s.arrivals, func(a *arrival) bool { return a.user == user })
}

// arrive takes a reading of seats one step on, or begins one where there may be more.
func (s *story) arrive(more bool) {
	s.rereads = slices.DeleteFunc(s.rereads, func(u string) bool {
		if s.reading(u) {
			return false // the roster reads each user once at a time
		}
		s.arrivals = append(s.arrivals, &arrival{user: u})
		return true
	})
	if len(s.arrivals) == 0 || more && s.r.IntN(4) == 0 {
		if !more {
			return
		}
		u := s.users[s.r.IntN(len(s.users))]
		if s.reading(u) {
			return
		}
		s.arrivals = append(s.arrivals, &arrival{client: person(u), user: u})
	}
	i := s.r.IntN(len(s.arrivals))
	a := s.arrivals[i]
	switch a.step++; a.step {
	case 1:
		if _, err := s.hub.begin([]string{a.user}); err != nil {
			s.t.Fatal(err)
		}
		a.pinned = map[string]bool{}
	case 2:
		a.read = s.store.read(a.user)
		s.say("seats of %s: %v", a.user, a.read)
		fresh, err := s.hub.reserve(a.read, a.pinned, at(s.now))
		if err != nil {
			s.t.Fatal(err)
		}
		if fresh {
			a.step = 1 // what comes from now on is heard: it is read again
		}
	case 3:
		arrivals := map[string][]*client{}
		if a.client != nil {
			arrivals[a.user] = []*client{a.client}
		}
		left := s.hub.take([]string{a.user}, arrivals, map[string][]message.Seat{a.user: a.read}, at(s.now))
		s.hub.release([]string{a.user}, a.pinned)
		s.say("%s is taken: again %q", a.user, left)
		a.step = 0
		if len(left) == 0 {
			s.arrivals = slices.Delete(s.arrivals, i, i+1)
			if a.client != nil {
				s.clients = append(s.clients, a.client)
			}
		}
	}
}
