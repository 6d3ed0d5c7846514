package connector

import (
	"context"
	"math/rand/v2"
	"time"

	"bazaar/infra/connector/socket"
)

const (
	// listenEvery is how often it is tried whether NATS answers, and for how long.
	listenEvery = time.Second
	// deafSpread is the time over which clients of a deaf node leave it.
	deafSpread = 10 * time.Second
)

// listen watches whether this node hears: NATS answers, and the list of sign-outs
// is young. One that does not lets nobody in and sends its clients elsewhere,
// spread over time; who was told so goes, even if it hears again meanwhile.
func (n *Connector) listen(ctx context.Context) {
	next := time.NewTimer(0)
	defer next.Stop()
	began := time.Now()
	heard, once, deaf := began, false, false
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		asking, cancel := context.WithTimeout(ctx, listenEvery)
		if err := n.bus.Flush(asking); err == nil {
			heard, once = time.Now(), true
		}
		cancel()
		listed := min(n.revoked.Age(), time.Since(began)) <= listAge
		good := listed && time.Since(heard) < n.settings.DeafAfter
		switch {
		case !good && !deaf:
			deaf = true
			n.log.Warn("this node does not hear the others", "nats", time.Since(heard).String(), "sign_outs", listed)
			n.sendAway(socket.Deaf, deafSpread)
		case good && deaf:
			deaf = false
			n.log.Info("this node hears the others again")
		}
		n.hears(good && once && n.revoked.Age() <= listAge)
		next.Reset(listenEvery)
		if !n.hearing.Load() {
			next.Reset(tickEvery)
		}
	}
}

// hears notes whether this node hears, and lets newcomers in only if it does.
func (n *Connector) hears(yes bool) {
	n.hearing.Store(yes)
	n.admit()
	deaf := 1.0
	if yes {
		deaf = 0
	}
	n.metrics.deaf.Set(deaf)
}

// admit lets newcomers in where the node hears and does not drain.
func (n *Connector) admit() { n.server.Admit(n.hearing.Load() && !n.leaves.Load()) }

// sendAway tells all clients when they will be closed, spread over time, and
// closes them then, with what they have sent being answered first.
func (n *Connector) sendAway(code socket.Code, spread time.Duration) {
	for _, c := range n.register.all() {
		after := time.Duration(0)
		if spread > 0 {
			after = rand.N(spread)
		}
		c.socket.Offer(socket.Text(byeLine(code, after)), socket.Control)
		time.AfterFunc(after, func() { c.retire(code) })
	}
}
