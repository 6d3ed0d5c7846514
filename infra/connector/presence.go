package connector

import (
	"context"
	"slices"
	"time"

	"bazaar/infra/connector/socket"
	"bazaar/shared/bus"
	"bazaar/shared/presence"
)

const (
	// presenceTimeout bounds a word with Redis that somebody waits for.
	presenceTimeout = 2 * time.Second
	// holdsAtOnce bounds the sessions that are renewed in one round trip.
	holdsAtOnce = 128
)

// Presences keeps who is there: presence.Store.
type Presences interface {
	Hold(ctx context.Context, x presence.Session, active time.Time) (presence.Held, error)
	HoldAll(ctx context.Context, all []presence.Holding) ([]presence.Held, []error)
	Leave(ctx context.Context, x presence.Session) (last bool, err error)
	Look(ctx context.Context, users []string) (map[string]presence.Presence, error)
	Renew(ctx context.Context, node string) error
}

// sessionOf is a client as presence knows it, with c.mu held.
func (c *client) sessionOf() presence.Session {
	return presence.Session{ID: c.session, User: c.bearer.user, Node: c.node.id, Device: c.bearer.device, Since: c.since}
}

// hold registers a client's session, or renews it; false when the client has to
// go, or has. Redis being away lets everybody stay: the next round tells.
func (c *client) hold(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, presenceTimeout)
	defer cancel()
	h := c.holding()
	held, err := c.node.presence.Hold(ctx, h.Session, h.Active)
	return c.held(held, err)
}

// holding is what a client's session is held with now.
func (c *client) holding() presence.Holding {
	c.mu.Lock()
	h := presence.Holding{Session: c.sessionOf()}
	c.mu.Unlock()
	if at := c.active.Load(); at > 0 {
		h.Active = time.UnixMilli(at)
	}
	return h
}

// held does what follows from having held; false as for hold.
func (c *client) held(held presence.Held, err error) bool {
	if err != nil {
		c.node.metrics.presence.WithLabelValues("failed").Inc()
		held = presence.Held{}
	}
	c.node.displace(held.Replaced)
	if held.Lost {
		c.dismiss(socket.Replaced, "replaced by another connection")
		return false
	}
	c.mu.Lock()
	c.since = max(held.Since, c.since)
	ended, user := c.ended, c.bearer.user
	c.mu.Unlock()
	if ended {
		c.node.goodbye(c) // it was held after it had been left
		return false
	}
	if held.First {
		c.node.show(user, presence.Presence{Online: true, LastActive: time.Now()})
	}
	return true
}

// displace has sessions end that had to give way, wherever they are.
func (n *Connector) displace(sessions []presence.Session) {
	for _, x := range sessions {
		r := presence.Replaced{Session: x.ID, User: x.User}
		if x.Node == n.id {
			n.replace(r)
			continue
		}
		data, err := r.Encode()
		if err == nil {
			err = n.bus.Tell(bus.Note{Subject: presence.ReplacedSubject(x.Node), Data: data})
		}
		if err != nil {
			// Its own next round tells it, too.
			n.log.Debug("a replaced session is not told", "error", err.Error())
		}
	}
}

// replace ends a session of ours that had to give way.
func (n *Connector) replace(r presence.Replaced) {
	if c := n.register.find(r.Session); c != nil {
		c.dismiss(socket.Replaced, "replaced by another connection")
	}
}

// goodbye leaves the session of a client that has ended.
func (n *Connector) goodbye(c *client) {
	c.mu.Lock()
	x := c.sessionOf()
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), presenceTimeout)
	defer cancel()
	last, err := n.presence.Leave(ctx, x)
	if err != nil {
		n.metrics.presence.WithLabelValues("failed").Inc()
		return // its lease ends
	}
	if last {
		n.show(x.User, presence.Presence{LastActive: time.Now()})
	}
}

// show tells who watches a user that it came or went.
func (n *Connector) show(user string, p presence.Presence) {
	line, err := presence.ChangedLine(user, p)
	if err == nil {
		err = n.bus.Tell(bus.Note{Subject: presence.ChangedSubject(user), Data: line})
	}
	if err != nil {
		n.log.Debug("a change of presence is not told", "error", err.Error())
	}
}

// keepSessions holds all sessions again and again, a few at a time.
func (n *Connector) keepSessions(ctx context.Context) {
	tick := time.NewTicker(presence.HoldEvery / slotsPerTurn)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for some := range slices.Chunk(n.register.due(n.since()), holdsAtOnce) {
			n.renew(ctx, some)
		}
	}
}

// renew holds the sessions of clients again, in one round trip.
func (n *Connector) renew(ctx context.Context, clients []*client) {
	all := make([]presence.Holding, len(clients))
	for i, c := range clients {
		all[i] = c.holding()
	}
	asking, cancel := context.WithTimeout(ctx, presenceTimeout)
	defer cancel()
	held, errs := n.presence.HoldAll(asking, all)
	for i, c := range clients {
		c.held(held[i], errs[i])
	}
}

// keepLease renews this node's lease.
func (n *Connector) keepLease(ctx context.Context) {
	tick := time.NewTicker(presence.RenewEvery)
	defer tick.Stop()
	for {
		asking, cancel := context.WithTimeout(ctx, presenceTimeout)
		if err := n.presence.Renew(asking, n.id); err == nil {
			n.leased.Store(int64(n.since()))
		}
		cancel()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
