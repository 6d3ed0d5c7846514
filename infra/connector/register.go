package connector

import (
	"sync"
	"time"

	"bazaar/shared/presence"
)

// register has all clients of the node: by session, and by whose turn it is.
type register struct {
	mu       sync.Mutex
	sessions map[string]*client
	beats    *wheel[*client] // of heartbeats
	leases   *wheel[*client] // of sessions in presence
}

func newRegister(heartbeat time.Duration) *register {
	return &register{
		sessions: map[string]*client{},
		beats:    newWheel(heartbeat, func(c *client) *spoke { return &c.turn }),
		leases:   newWheel(presence.HoldEvery, func(c *client) *spoke { return &c.lease }),
	}
}

func (r *register) add(c *client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sessions[c.session] = c
	r.beats.add(c.socket.Serial(), c)
	r.beats.hasten(c, c.opened+c.node.settings.AuthTimeout)
	r.leases.add(c.socket.Serial(), c)
}

func (r *register) remove(c *client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.sessions, c.session)
	r.beats.remove(c)
	r.leases.remove(c)
}

func (r *register) find(session string) *client {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sessions[session]
}

// all gives who is here now.
func (r *register) all() []*client {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]*client, 0, len(r.sessions))
	for _, c := range r.sessions {
		list = append(list, c)
	}
	return list
}

// hasten has a client looked at when its time has come.
func (r *register) hasten(c *client, at time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.beats.hasten(c, at)
}

// beat gives those to be looked at now.
func (r *register) beat(now time.Duration) []*client {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.beats.turn(now)
}

// due gives those whose session is to be held again now.
func (r *register) due(now time.Duration) []*client {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []*client
	for _, c := range r.leases.turn(now) {
		c.mu.Lock()
		if c.stage == ready || c.stage == joining && c.since != 0 {
			list = append(list, c)
		}
		c.mu.Unlock()
	}
	return list
}
