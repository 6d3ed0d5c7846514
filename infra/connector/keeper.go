package connector

import (
	"context"
	"time"

	"bazaar/infra/connector/socket"
)

// silence is how long nothing need be heard of a client beyond two heartbeats.
const silence = 5 * time.Second

// keep looks at all clients in their turn, and at those whose time has come.
func (n *Connector) keep(ctx context.Context) {
	tick := time.NewTicker(n.register.beats.step)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, c := range n.register.beat(n.since()) {
			c.check(n.since())
		}
	}
}

// check ends a client that has no token, whose token has ended, or that is not
// heard any more, and pings the others.
func (c *client) check(now time.Duration) {
	n := c.node
	c.mu.Lock()
	st, expires := c.stage, c.bearer.expires
	c.mu.Unlock()
	quiet := n.at(c.socket.LastHeard()) + 2*n.settings.Heartbeat + silence
	switch {
	case st == leaving:
		return
	case st == greeting && now >= c.opened+n.settings.AuthTimeout:
		c.dismiss(socket.Unauthenticated, "no token came")
		return
	case !expires.IsZero() && !time.Now().Before(expires):
		c.dismiss(socket.Expired, "the token has expired")
		return
	case now >= quiet:
		c.dismiss(socket.Silent, "nothing was heard")
		return
	}
	if now-c.pinged >= n.settings.Heartbeat/2 && st == ready {
		c.pinged = now
		// Who has something else to read needs no ping.
		c.socket.Offer(socket.Text(pingLine(nil)), socket.Ephemeral)
	}
	next := quiet
	if st == greeting {
		next = min(next, c.opened+n.settings.AuthTimeout)
	}
	if !expires.IsZero() {
		next = min(next, n.at(expires))
	}
	n.register.hasten(c, next)
}

// keepSignOuts ends the clients whose sessions were signed out.
func (n *Connector) keepSignOuts(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, c := range n.register.all() {
			c.mu.Lock()
			session := c.bearer.session
			c.mu.Unlock()
			if session != "" && n.revoked.Revoked(session) {
				c.dismiss(socket.Replaced, "signed out")
			}
		}
	}
}
