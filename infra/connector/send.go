package connector

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/trace"

	"bazaar/infra/connector/socket"
)

// maxSends may wait of one client.
const maxSends = 64

// letter is a message on its way to push-message.
type letter struct {
	id    string // the client_msg_id
	draft []byte
}

// send has a message stored. A client's are stored one after the other, so that
// the order in which it sent them is kept.
func (c *client) send(e envelope) {
	ok, after := c.used.sends.take(c.node.since(), c.node.rates.sends)
	c.mu.Lock()
	if ok && len(c.sends) < maxSends {
		c.sends = append(c.sends, letter{e.id, e.draft})
		if !c.sending {
			c.sending = true
			c.node.tasks.Go(c.sendAll)
		}
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	c.refuse(e.id, refusal{code: "rate_limited", retryable: true, after: max(after, time.Second/sendsPerSecond)})
}

func (c *client) refuse(id string, r refusal) {
	c.node.metrics.frames.WithLabelValues("out", "refused").Inc()
	c.socket.Offer(socket.Text(refusedLine(id, r)), socket.Answer)
}

// sendAll sends until nothing waits, and is then gone. Who was to go then goes.
func (c *client) sendAll() {
	for {
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
		l, token := c.sends[0], c.bearer.token
		c.sends[0] = letter{}
		c.sends = c.sends[1:]
		c.mu.Unlock()
		c.post(l, token)
	}
}

// post sends one message and says what became of it.
func (c *client) post(l letter, token string) {
	n := c.node
	ctx, span := n.tracer.Start(context.Background(), "send", trace.WithSpanKind(trace.SpanKindClient))
	defer span.End()
	began := time.Now()
	a, err := n.gateway.call(ctx, token, "/function/push-message?socket="+url.QueryEscape(socketName(n.id, c.socket.Serial())), l.draft)
	var p posted
	if err == nil && a.status == http.StatusOK && json.Unmarshal(a.body, &p) == nil && p.Seq > 0 {
		n.metrics.sends.WithLabelValues("sent").Observe(time.Since(began).Seconds())
		c.socket.Offer(socket.Text(sentLine(l.id, p)), socket.Answer)
		return
	}
	r := a.refusal(err)
	n.metrics.sends.WithLabelValues(r.code).Observe(time.Since(began).Seconds())
	c.refuse(l.id, r)
}
