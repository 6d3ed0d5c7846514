package connector

import (
	"context"
	"math/rand/v2"
	"time"

	"bazaar/infra/connector/socket"
	"bazaar/shared/auth"
)

const (
	// listAge is how old the list of sign-outs may be.
	listAge = time.Minute
	// joinTimeout bounds what it takes to let a client in.
	joinTimeout = 10 * time.Second
)

// Tokens tells whose access token it is: auth.Verifier.
type Tokens interface {
	Verify(token string) (auth.Claims, error)
}

// Revocations is the list of sessions that were ended before their tokens:
// identity.Watch.
type Revocations interface {
	Run(ctx context.Context)
	Revoked(sessionID string) bool
	Age() time.Duration
}

// read gives who shows a token, if it counts now by this node's clock: a socket
// ends when its token does, so none begins with one that has ended.
func (n *Connector) read(token string) (bearer, bool) {
	claims, err := n.tokens.Verify(token)
	if err != nil || !time.Now().Before(claims.Expires) || !isID(claims.Subject) || n.revoked.Revoked(claims.SessionID) {
		return bearer{}, false
	}
	return bearer{user: claims.Subject, session: claims.SessionID, token: token, expires: claims.Expires}, true
}

// authenticate takes the first line of a client.
func (c *client) authenticate(e envelope) {
	b, good := c.node.read(e.token)
	switch {
	case !good:
		c.dismiss(socket.Unauthenticated, "the token is not good")
		return
	case c.node.revoked.Age() > listAge:
		c.overloaded() // nobody can say whether the session was ended
		return
	}
	b.device = e.device
	c.mu.Lock()
	if c.stage != greeting {
		c.mu.Unlock()
		return
	}
	c.stage, c.bearer, c.user = joining, b, b.user
	c.mu.Unlock()
	c.node.register.hasten(c, c.node.at(b.expires))
	c.node.tasks.Go(c.join)
}

// join holds the client's session and has it seated. What else is said of it is
// said by who seats it.
func (c *client) join() {
	ctx, cancel := context.WithTimeout(context.Background(), joinTimeout)
	defer cancel()
	if !c.hold(ctx) {
		return
	}
	c.node.roster.join(c)
}

// overloaded sends a client away for a while.
func (c *client) overloaded() {
	c.dismissAfter(socket.Full, "try again", time.Second+rand.N(4*time.Second))
}

// renew takes a fresh token. One that is not good changes nothing; one of another
// user is no mistake.
func (c *client) renew(e envelope) {
	b, good := c.node.read(e.token)
	c.mu.Lock()
	stays := c.bearer.user == b.user
	if good && stays {
		b.device = c.bearer.device
		c.bearer = b
	}
	c.mu.Unlock()
	switch {
	case !good:
		c.blame(mistake{code: "invalid_token", ref: "token"})
	case !stays:
		c.dismiss(socket.Unauthenticated, "the token is somebody else's")
	default:
		c.node.register.hasten(c, c.node.at(b.expires))
	}
}
