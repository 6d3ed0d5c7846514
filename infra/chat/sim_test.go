package chat

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// sim is a world with several clients of it, and a network between them that
// loses, delays and repeats until it is calm. Its time is its own.
type sim struct {
	t       *testing.T
	dice    *rand.Rand
	now     time.Time
	calm    bool
	world   *world
	actors  []*actor
	agenda  []errand // by time
	asked   int      // questions since last looked at
	written int      // messages
}

type errand struct {
	at time.Time
	do func()
}

// actor is one device. Its core is replaced when it is started anew.
type actor struct {
	core   *core
	user   string
	device string
	store  Saved
	sock   int // serial of the connection that the server knows, 0 none
	in     bool
}

func newSim(t *testing.T, seed uint64) *sim {
	s := &sim{t: t, dice: rand.New(rand.NewPCG(seed, 1)), now: start(), world: newWorld()}
	s.world.open("g1", "group", "alice", "bob", "carol")
	s.world.open("g2", "group", "alice", "bob")
	for _, name := range [][2]string{{"alice", "laptop"}, {"alice", "phone"}, {"bob", "laptop"}, {"carol", "laptop"}} {
		a := &actor{user: name[0], device: name[1]}
		s.begin(a)
		s.actors = append(s.actors, a)
	}
	return s
}

// begin gives an actor a core that goes on from its store.
func (s *sim) begin(a *actor) {
	a.core = newCore(Options{User: a.user, Device: a.device, Sockets: []string{"one", "two"}, Record: true}, standard(), s.dice.Float64)
	a.core.restore(a.store)
	a.sock, a.in = 0, false
}

func (s *sim) after(d time.Duration, do func()) {
	at := s.now.Add(d)
	i := sort.Search(len(s.agenda), func(i int) bool { return s.agenda[i].at.After(at) })
	s.agenda = slices.Insert(s.agenda, i, errand{at, do})
}

// bad is a piece of bad luck, which a calm network has not.
func (s *sim) bad(chance float64) bool { return !s.calm && s.dice.Float64() < chance }

// lag is how long something takes: in a calm network always the same.
func (s *sim) lag() time.Duration {
	if s.calm {
		return 5 * time.Millisecond
	}
	return time.Duration(s.dice.Int64N(int64(400 * time.Millisecond)))
}

// run lets time pass.
func (s *sim) run(d time.Duration) {
	end := s.now.Add(d)
	for steps := 0; ; steps++ {
		if steps > 200_000 {
			s.t.Fatal("it does not come to rest")
		}
		next := end
		for _, a := range s.actors {
			if at := s.pump(a); !at.IsZero() && at.Before(next) {
				next = at
			}
		}
		if len(s.agenda) > 0 && !s.agenda[0].at.After(next) {
			do := s.agenda[0]
			s.agenda = s.agenda[1:]
			if do.at.After(s.now) {
				s.now = do.at
			}
			do.do()
			continue
		}
		s.now = next
		if !next.Before(end) {
			return
		}
	}
}

// pump does what an actor's core wants, and says when to come back.
func (s *sim) pump(a *actor) time.Time {
	for {
		c := a.core
		t := c.plan(s.now)
		if t.stop != nil {
			s.t.Fatalf("%s/%s has stopped: %v", a.user, a.device, t.stop)
		}
		if t.cut {
			a.sock, a.in = 0, false
		}
		if t.save != nil {
			a.store = *t.save
			c.saved(s.now, t.saving, nil)
		}
		if t.token {
			s.after(s.lag(), func() { c.tokenGot(s.now, fmt.Sprint("token", s.now.UnixNano()), s.now.Add(50*time.Second), nil) })
		}
		if t.dial {
			s.after(s.lag(), func() { s.dial(a, c, t.serial) })
		}
		for _, line := range t.lines {
			serial := t.serial
			if !s.bad(0.05) {
				s.after(s.lag(), func() { s.receive(a, c, serial, line) })
			}
		}
		if t.ask != nil {
			s.asked++
			s.after(s.lag(), func() { s.answer(a, c, t.ask) })
		}
		c.events = nil
		if len(t.saving) == 0 {
			return t.at
		}
	}
}

func (s *sim) dial(a *actor, c *core, serial int) {
	if a.core != c || s.bad(0.3) {
		c.ended(s.now, serial, codeBroken, "")
		return
	}
	if c.opened(s.now, serial) {
		a.sock, a.in = serial, false
		s.say(a, serial, `{"t":"hello","session":"x","heartbeat_ms":25000,"limits":{"body":16384},"new":1}`)
	}
}

// say brings a line to a client, as long as its connection lives.
func (s *sim) say(a *actor, serial int, line string) {
	c := a.core
	s.after(s.lag(), func() {
		if a.core == c && a.sock == serial {
			c.hear(s.now, serial, []byte(line))
		}
	})
}

func encode(t string, v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return `{"t":"` + t + `",` + string(raw[1:])
}

// receive is the server: a line of a client has come.
func (s *sim) receive(a *actor, c *core, serial int, raw []byte) {
	head, _ := read[typed](raw)
	switch head.T {
	case "auth":
		if a.core == c && a.sock == serial {
			// What is pushed from now on follows ready.
			line := encode("ready", ready{a.user, s.world.heads(a.user)})
			c.hear(s.now, serial, []byte(line))
			a.in = true
		}
	case "send":
		p, _ := read[posted](raw)
		s.post(a, serial, p)
	case "read":
		h, _ := read[happening](raw)
		s.world.with(h.Conversation, func(x *hall) { x.read[a.user] = max(x.read[a.user], h.Seq) })
	}
}

func (s *sim) post(a *actor, serial int, p posted) {
	if s.bad(0.1) {
		s.say(a, serial, encode("refused", refusal{ClientMsgID: p.ClientMsgID, Code: "unavailable", Retryable: true}))
		return
	}
	m, duplicate, members, refused := s.world.post(a.user, p, s.now)
	if refused != nil {
		s.say(a, serial, encode("refused", refusal{ClientMsgID: p.ClientMsgID, Code: refused.Code}))
		return
	}
	if !s.bad(0.2) {
		s.say(a, serial, encode("sent", Sent{p.ClientMsgID, m.Conversation, m.Seq, m.ID, m.SentAt, duplicate}))
	}
	for _, other := range s.actors {
		if !slices.Contains(members, other.user) || !other.in || other == a {
			continue
		}
		for range 1 + s.dice.IntN(2) { // often twice
			if !s.bad(0.3) {
				s.say(other, other.sock, encode("message", m))
			}
		}
	}
}

func (s *sim) answer(a *actor, c *core, q *question) {
	if s.bad(0.3) {
		c.notSynced(s.now, time.Duration(s.dice.IntN(3))*time.Second)
		return
	}
	got := s.world.sync(a.user, *q)
	s.after(s.lag(), func() { c.synced(s.now, q, got) })
}

// beat is the server's heartbeat, with the heads of everything.
func (s *sim) beat() {
	for _, a := range s.actors {
		if a.in {
			s.say(a, a.sock, encode("ping", ping{s.world.heads(a.user)}))
		}
	}
	s.after(25*time.Second, s.beat)
}

// write puts a message in an actor's outbox.
func (s *sim) write(a *actor) {
	s.written++
	to := []Target{{Conversation: "g1"}, {Conversation: "g1"}, {Conversation: "g2"}, {User: "bob"}, {User: "alice"}}[s.dice.IntN(5)]
	if to.User == a.user || to.Conversation == "g2" && a.user == "carol" {
		to = Target{Conversation: "g1"}
	}
	a.core.queue(Draft{ID: fmt.Sprint("m", s.written), To: to, Kind: "text"}, map[string]int{"n": s.written})
}

// strike is one misfortune of an actor.
func (s *sim) strike(a *actor) {
	switch s.dice.IntN(6) {
	case 0:
		a.core.lose(s.now)
	case 1: // the server closes
		code := []int{1000, 1012, 4001, 4002, 4003, 4005, 4006, 4150, 4444, codeTokenExpired}[s.dice.IntN(10)]
		if code == codeTokenExpired && !a.in { // a second one before ready is the end
			code = 4002
		}
		serial := a.sock
		a.sock, a.in = 0, false
		a.core.ended(s.now, serial, code, "")
	case 2:
		if a.in {
			s.say(a, a.sock, encode("bye", bye{4001, s.dice.Int64N(3000)}))
		}
	case 3:
		s.begin(a) // killed, and started again from its store
	case 4:
		s.say(a, a.sock, encode("hint", hint{"g1", s.world.heads("alice")["g1"]}))
	default:
		s.say(a, a.sock, `{"t":"tomorrow","x":[1,2]}`+"\n"+`{"t":"event","conversation":"g1","seq":1,"kind":"new"}`+"\n\n"+`not json`)
	}
}

// TestClientsAgreeInTheEnd lets four clients write while everything goes wrong
// for a minute, and looks for what each of them has when all is well again.
func TestClientsAgreeInTheEnd(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := newSim(t, seed)
			s.trouble()
			s.calm = true
			s.run(3 * time.Minute)
			s.asked = 0
			s.run(time.Minute)
			if s.asked > 0 {
				t.Errorf("%d questions were asked in a minute in which nothing happened", s.asked)
			}
			for _, a := range s.actors {
				s.check(a)
			}
			s.ordered()
		})
	}
}

// trouble is a minute in which everything goes wrong.
func (s *sim) trouble() {
	some := func() time.Duration { return time.Duration(s.dice.Int64N(int64(time.Minute))) }
	s.after(0, s.beat)
	for range 200 {
		a := s.actors[s.dice.IntN(len(s.actors))]
		s.after(some(), func() { s.write(a) })
	}
	for range 30 {
		a := s.actors[s.dice.IntN(len(s.actors))]
		s.after(some(), func() { s.strike(a) })
	}
	away := s.actors[s.dice.IntN(len(s.actors))]
	s.after(some(), func() { away.core.hold(s.now, true) }) // long enough for a gap
	if s.dice.IntN(2) == 0 {                                // carol is taken out of a group and let in again, and may not hear of it
		s.after(20*time.Second, func() { s.world.expel("g1", "carol") })
		s.after(time.Duration(20+s.dice.IntN(20))*time.Second, func() { s.world.open("g1", "group", "carol") })
	}
	s.run(time.Minute)
	away.core.hold(s.now, false)
}

// check holds what an actor has against the world.
func (s *sim) check(a *actor) {
	if a.core.link.state != Ready || len(a.core.box.letters) != len(failures(a.core)) {
		s.t.Errorf("%s/%s is %s with %d messages that were not sent", a.user, a.device, a.core.link.state, len(a.core.box.letters))
	}
	for id, k := range a.core.talks { // what was not loaded is there to be loaded
		for len(k.gaps) > 0 {
			before, _ := k.before()
			items, more := s.world.history(a.user, id, before, perConversation)
			a.core.show(k, k.fill(before, items, more), true)
		}
	}
	for _, trouble := range s.world.trouble(a.core.record.copy(a.core.talks)) {
		s.t.Error(trouble)
	}
}

// failures are the messages that the server has refused for good: of one who was
// not in the conversation at the time.
func failures(c *core) (all []*letter) {
	for _, l := range c.box.letters {
		if l.Failed == "not_found" {
			all = append(all, l)
		}
	}
	return all
}

// ordered wants the messages of each sender in the order in which one device has
// written them: they were numbered when they were written.
func (s *sim) ordered() {
	for id, h := range s.world.halls {
		last := map[string]int{}
		for _, m := range h.said {
			if m.From == "alice" {
				continue // has two devices
			}
			n, _ := read[map[string]int](m.Body)
			if n["n"] <= last[m.From] {
				s.t.Errorf("%s: %s wrote %d before %d", id, m.From, n["n"], last[m.From])
			}
			last[m.From] = n["n"]
		}
	}
}
