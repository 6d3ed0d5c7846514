package connector

import (
	"math/rand/v2"
	"time"

	"bazaar/infra/connector/socket"
)

const (
	// inboxSize is how many of the hub's decisions may wait for a shard.
	inboxSize = 1024
	// maxPending is how many it takes in before it works on some.
	maxPending = 8192
	// pingSpread is the time over which the clients of a room are told that they
	// are behind: they all come to ask.
	pingSpread = 2 * time.Second
)

type opKind uint8

const (
	opWelcome opKind = iota + 1 // a client is in: heads
	opSeat                      // it has a place in room, or another one
	opUnseat                    // it has none more; frame, if any, tells it so
	opDeliver                   // delivery to the room
	opHint                      // there is seq in the room
	opPing                      // the same, and some time within pingSpread
	opTell                      // frame to one client
	opDrained                   // what was refused can be hinted at
)

// op is a decision of the hub's for a shard.
type op struct {
	kind     opKind
	class    socket.Class
	client   *client
	room     string
	seat     seat
	seq      int64
	frame    socket.Frame
	delivery *delivery
	heads    map[string]int64
}

// shard brings to a part of the sockets what the hub has decided. It is one
// goroutine, and the only one that offers them what happens in rooms, so nothing
// on that way is locked. It never waits for a socket.
type shard struct {
	inbox   chan op
	done    chan struct{}
	parts   map[string]*part
	turns   []*part // those with something to do, each once
	pending int     // ops in the queues of parts
	owed    map[*client]time.Time
	metrics *metrics
	random  func() time.Duration
}

func newShard(m *metrics, done chan struct{}) *shard {
	return &shard{
		inbox: make(chan op, inboxSize), done: done, parts: map[string]*part{}, owed: map[*client]time.Time{}, metrics: m,
		random: func() time.Duration { return rand.N(pingSpread) },
	}
}

// run works until done is closed.
func (s *shard) run() {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		if len(s.turns) == 0 {
			select {
			case <-s.done:
				return
			case o := <-s.inbox:
				s.take(o)
			case now := <-tick.C:
				s.ping(now)
			}
			continue
		}
		select {
		case <-s.done:
			return
		case now := <-tick.C:
			s.ping(now)
		default:
		}
		s.gather()
		s.step()
	}
}

// gather takes in what waits, so that a small room need not wait for a large one.
func (s *shard) gather() {
	for s.pending < maxPending {
		select {
		case o := <-s.inbox:
			s.take(o)
		default:
			return
		}
	}
}

// take does what concerns one client at once, and queues what concerns a room.
func (s *shard) take(o op) {
	switch o.kind {
	case opWelcome:
		o.client.welcomed(o.heads)
	case opTell:
		if o.client.socket.Offer(o.frame, o.class) == socket.Refused && o.seq > 0 {
			o.client.place.owe(o.room, o.seq)
		}
	case opDrained:
		s.drained(o.client)
	default:
		s.queue(o)
	}
}

func (s *shard) queue(o op) {
	p := s.parts[o.room]
	if p == nil {
		if o.kind != opSeat {
			return // nobody of ours is there
		}
		p = &part{id: o.room}
		s.parts[o.room] = p
	}
	if len(p.queue) == 0 {
		s.turns = append(s.turns, p)
	}
	p.queue = append(p.queue, o)
	s.pending++
}

// step works for one room, for a while.
func (s *shard) step() {
	p := s.turns[0]
	s.turns[0] = nil
	s.turns = s.turns[1:]
	s.pending -= p.work(s)
	switch {
	case len(p.queue) > 0:
		s.turns = append(s.turns, p)
	case len(p.seats) == 0:
		delete(s.parts, p.id)
	}
}

// drained hints at all that was refused, now that the client keeps up again.
func (s *shard) drained(c *client) {
	for room, seq := range c.place.refused {
		if c.socket.Offer(socket.Text(hintLine(room, seq)), socket.Notice) == socket.Refused {
			return // it comes again
		}
		delete(c.place.refused, room)
		s.metrics.conflations.Inc()
	}
}

// ping tells the clients whose time has come what they are behind of.
func (s *shard) ping(now time.Time) {
	for c, at := range s.owed {
		if now.Before(at) {
			continue
		}
		delete(s.owed, c)
		if c.socket.Offer(socket.Text(pingLine(c.place.behind)), socket.Notice) == socket.Refused {
			for room, seq := range c.place.behind {
				c.place.owe(room, seq)
			}
		}
		c.place.behind = nil
	}
}

// fall notes that a client may be behind of a room.
func (s *shard) fall(c *client, room string, seq int64, now time.Time) {
	if c.place.behind == nil {
		c.place.behind = map[string]int64{}
	}
	c.place.behind[room] = max(c.place.behind[room], seq)
	if _, known := s.owed[c]; !known {
		s.owed[c] = now.Add(s.random())
	}
}

// place is what a shard keeps of a client of its own.
type place struct {
	refs    []ref
	refused map[string]int64 // what it had no room for, to be hinted at
	behind  map[string]int64 // what it is soon to be pinged with
}

// ref is where a client sits in a part.
type ref struct {
	part *part
	at   int
}

func (p *place) owe(room string, seq int64) {
	if p.refused == nil {
		p.refused = map[string]int64{}
	}
	p.refused[room] = max(p.refused[room], seq)
}

// find gives the index in refs, -1 where the client has no seat in part.
func (p *place) find(part *part) int {
	for i, r := range p.refs {
		if r.part == part {
			return i
		}
	}
	return -1
}
