package connector

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bazaar/infra/connector/socket"
)

// TestSeatsAreKeptTogether: whoever sits down and rises, each client knows where
// it sits, and nobody else sits there.
func TestSeatsAreKeptTogether(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	parts := []*part{{id: "a"}, {id: "b"}, {id: "c"}}
	var clients []*client
	for range 20 {
		clients = append(clients, person("u"))
	}
	sits := map[*part]map[*client]seat{}
	for range 3000 {
		p, c := parts[r.IntN(3)], clients[r.IntN(20)]
		if sits[p] == nil {
			sits[p] = map[*client]seat{}
		}
		if r.IntN(2) == 0 {
			at := seat{from: r.Int64N(9)}
			p.sit(c, at)
			sits[p][c] = at
		} else {
			p.rise(c, socket.Frame{})
			delete(sits[p], c)
		}
		if len(p.seats) != len(sits[p]) {
			t.Fatalf("%d seats, not %d", len(p.seats), len(sits[p]))
		}
		for i, s := range p.seats {
			ref := s.client.place.find(p)
			if ref < 0 || s.client.place.refs[ref].at != i || s.seat != sits[p][s.client] {
				t.Fatalf("the seat %d is of somebody else", i)
			}
		}
	}
}

// TestASmallRoomNeedNotWaitForALargeOne, and nothing of one room overtakes
// anything.
func TestASmallRoomNeedNotWaitForALargeOne(t *testing.T) {
	t.Parallel()
	s := newShard(newMetrics(prometheus.NewRegistry()), make(chan struct{}))
	for range 3 * atOnce {
		s.take(op{kind: opSeat, room: "large", client: person("u"), seat: seat{from: 9}})
	}
	late := person("late")
	s.take(op{kind: opHint, room: "large", seq: 9}) // for nobody, but it looks at all
	s.take(op{kind: opSeat, room: "large", client: late, seat: seat{from: 9}})
	s.take(op{kind: opSeat, room: "small", client: late, seat: seat{from: 9}})
	s.step()
	if p := s.parts["large"]; p.at != atOnce || len(p.seats) != 3*atOnce {
		t.Fatalf("%d of %d were looked at", p.at, len(p.seats))
	}
	s.step()
	if late.place.find(s.parts["small"]) < 0 {
		t.Error("the small room waits")
	}
	for len(s.turns) > 0 {
		s.step()
	}
	if late.place.find(s.parts["large"]) < 0 || s.pending != 0 {
		t.Errorf("the late one is not seated, %d are left", s.pending)
	}
	s.take(op{kind: opUnseat, room: "small", client: late})
	s.step()
	if _, there := s.parts["small"]; there || len(late.place.refs) != 1 {
		t.Error("the room that nobody is in is still there")
	}
}

// TestPingsAreSpread over time, and rooms share one.
func TestPingsAreSpread(t *testing.T) {
	t.Parallel()
	s := newShard(newMetrics(prometheus.NewRegistry()), make(chan struct{}))
	earliest, latest := time.Hour, time.Duration(0)
	now := at(1000)
	for range 500 {
		c := person("u")
		s.fall(c, "a", 7, now)
		s.fall(c, "b", 3, now)
		s.fall(c, "a", 5, now)
		if len(c.place.behind) != 2 || c.place.behind["a"] != 7 {
			t.Fatalf("behind %v", c.place.behind)
		}
		earliest, latest = min(earliest, s.owed[c].Sub(now)), max(latest, s.owed[c].Sub(now))
	}
	if earliest < 0 || latest > pingSpread || latest-earliest < pingSpread/2 {
		t.Errorf("between %s and %s", earliest, latest)
	}
}
