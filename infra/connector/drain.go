package connector

import (
	"context"
	"time"

	"bazaar/infra/connector/socket"
)

// drainMargin is what clients may take beyond the spread: an answer that is under
// way, a close frame that is not answered, a session to leave.
const drainMargin = 15 * time.Second

// drain sends all clients elsewhere and waits until none is left. What they have
// sent is answered, what they have read is brought on.
func (n *Connector) drain() error {
	n.leaves.Store(true)
	n.admit()
	close(n.draining)
	n.log.Info("draining", "sockets", n.server.Sockets())
	n.sendAway(socket.Draining, n.settings.DrainSpread)
	ctx, cancel := context.WithTimeout(context.Background(), n.settings.DrainSpread+drainMargin)
	defer cancel()
	err := n.server.Wait(ctx)
	if err == nil {
		return nil
	}
	for _, c := range n.register.all() {
		c.socket.Close(socket.Restarting, "")
	}
	ctx, cancel = context.WithTimeout(context.Background(), drainMargin)
	defer cancel()
	return n.server.Wait(ctx)
}
