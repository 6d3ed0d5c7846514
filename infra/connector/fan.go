package connector

import (
	"time"

	"bazaar/infra/connector/socket"
	"bazaar/shared/crash"
)

// atOnce is how many sockets a room may have served before others get their turn.
const atOnce = 256

// part is what a shard holds of a room.
type part struct {
	id    string
	seats []taken
	queue []op // in the hub's order: nothing of a room overtakes anything
	at    int  // how many seats the first of them has seen
}

// taken is a seat with who sits there.
type taken struct {
	client *client
	seat   seat
}

// work does what is queued, until atOnce sockets were served. It gives how many
// ops it has done.
func (p *part) work(s *shard) (done int) {
	left := atOnce
	for len(p.queue) > 0 && left > 0 {
		o := &p.queue[0]
		switch o.kind {
		case opSeat:
			p.sit(o.client, o.seat)
		case opUnseat:
			p.rise(o.client, o.frame)
		case opDeliver:
			if left -= p.fan(s, o.delivery, left); p.at < len(p.seats) {
				return done
			}
			s.metrics.delivery.Observe(time.Since(o.delivery.heard).Seconds())
		case opHint:
			if left -= p.tellAll(s, o.seq, left); p.at < len(p.seats) {
				return done
			}
		case opPing:
			p.fall(s, o.seq)
		}
		p.at = 0
		p.queue[0] = op{}
		p.queue = p.queue[1:]
		done++
	}
	if len(p.queue) == 0 {
		p.queue = nil
	}
	return done
}

// sit gives a client a seat, or another one.
func (p *part) sit(c *client, at seat) {
	if i := c.place.find(p); i >= 0 {
		p.seats[c.place.refs[i].at].seat = at
		return
	}
	c.place.refs = append(c.place.refs, ref{p, len(p.seats)})
	p.seats = append(p.seats, taken{c, at})
}

// rise takes a client's seat away and tells it so.
func (p *part) rise(c *client, f socket.Frame) {
	i := c.place.find(p)
	if i < 0 {
		return
	}
	at, end := c.place.refs[i].at, len(p.seats)-1
	moved := p.seats[end]
	p.seats[at] = moved
	moved.client.place.refs[moved.client.place.find(p)].at = at
	p.seats[end] = taken{}
	p.seats = p.seats[:end]
	last := len(c.place.refs) - 1
	c.place.refs[i] = c.place.refs[last]
	c.place.refs[last] = ref{}
	c.place.refs = c.place.refs[:last]
	delete(c.place.refused, p.id)
	delete(c.place.behind, p.id)
	if f.Len() > 0 {
		c.socket.Offer(f, socket.Notice)
	}
}

// fan offers a delivery to at most so many seats and gives how many it saw.
func (p *part) fan(s *shard, d *delivery, most int) (seen int) {
	var counts [socket.Gone + 1]int
	for ; p.at < len(p.seats) && seen < most; p.at++ {
		seen++
		t := p.seats[p.at]
		frame, class := d.frame, d.class()
		switch d.outcome(t.client.user, t.seat) {
		case dropped:
			continue
		case hinted:
			frame, class = socket.Text(hintLine(p.id, d.last)), socket.Notice
		}
		if d.except != nil && class == d.class() {
			if own, sent := d.except[t.client.socket.Serial()]; sent {
				if own.Len() == 0 {
					continue
				}
				frame = own
			}
		}
		crash.Point("connector", "fan") // some have it, the others have not
		became := t.client.socket.Offer(frame, class)
		counts[became]++
		if became == socket.Refused && d.last > 0 {
			t.client.place.owe(p.id, d.last)
		}
	}
	s.metrics.delivered(counts)
	return seen
}

// tellAll hints at seq.
func (p *part) tellAll(s *shard, seq int64, most int) (seen int) {
	frame := socket.Text(hintLine(p.id, seq))
	for ; p.at < len(p.seats) && seen < most; p.at++ {
		seen++
		t := p.seats[p.at]
		if t.seat.from >= seq {
			continue
		}
		if t.client.socket.Offer(frame, socket.Notice) == socket.Refused {
			t.client.place.owe(p.id, seq)
		}
		s.metrics.conflations.Inc()
	}
	return seen
}

// fall has all clients pinged with seq, each some time soon.
func (p *part) fall(s *shard, seq int64) {
	now := time.Now()
	for _, t := range p.seats {
		if t.seat.from < seq {
			s.fall(t.client, p.id, seq, now)
		}
	}
}
