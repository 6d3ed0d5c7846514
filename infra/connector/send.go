package connector

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"bazaar/infra/connector/socket"
)

// maxSends may wait of one client.
const maxSends = 64

// send has a message stored. A client's are stored one after the other, so that
// the order in which it sent them is kept.
func (c *client) send(e envelope) {
	ok, after := c.used.sends.take(c.node.since(), c.node.rates.sends)
	c.mu.Lock()
	if !ok || len(c.sends) >= maxSends {
		c.mu.Unlock()
		c.refuse(e.id, refusal{code: "rate_limited", retryable: true, after: max(after, time.Second/sendsPerSecond)})
		return
	}
	c.sends = append(c.sends, letter{client: c, id: e.id, socket: socketName(c.node.id, c.socket.Serial()), draft: e.draft})
	first := !c.sending
	c.sending = true
	c.mu.Unlock()
	if first {
		c.sendNext()
	}
}

func (c *client) refuse(id string, r refusal) {
	c.node.metrics.frames.WithLabelValues("out", "refused").Inc()
	c.socket.Offer(socket.Text(refusedLine(id, r)), socket.Answer)
}

// sendNext gives the courier the next letter. Where none is left who was to go
// then goes.
func (c *client) sendNext() {
	c.mu.Lock()
	if len(c.sends) == 0 || c.ended {
		c.sends, c.sending = nil, false
		end := c.end
		c.mu.Unlock()
		if end != 0 {
			c.socket.Close(end, "")
		}
		return
	}
	l := c.sends[0]
	l.token = c.bearer.token
	c.sends[0] = letter{}
	c.sends = c.sends[1:]
	c.mu.Unlock()
	c.node.courier.add(l)
}

// carry has letters stored, and says what became of each.
func (n *Connector) carry(batch []letter) {
	ctx, span := n.tracer.Start(context.Background(), "send", trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.Int("messaging.batch.message_count", len(batch))))
	defer span.End()
	for i, v := range n.gateway.post(ctx, batch) {
		batch[i].client.hearOf(batch[i], v)
	}
}

// hearOf tells a client what became of a letter.
func (c *client) hearOf(l letter, v verdict) {
	outcome := "sent"
	if v.sent == nil {
		outcome = v.refused.code
	}
	c.node.metrics.sends.WithLabelValues(outcome).Observe(time.Since(l.since).Seconds())
	if v.sent != nil {
		c.socket.Offer(socket.Text(sentLine(l.id, *v.sent)), socket.Answer)
	} else {
		c.refuse(l.id, v.refused)
	}
	c.sendNext()
}
