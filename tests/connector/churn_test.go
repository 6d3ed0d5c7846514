package connector_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/group"
	"bazaar/shared/message"
)

// span is a time in which somebody is in a group: what comes after from, until to.
type span struct{ from, to int64 }

// churner is somebody who comes and goes.
type churner struct {
	name  string
	node  int
	conn  *person
	spans []span // the last without an end while it is in
	in    bool
	got   map[int64]bool
	told  int64 // the highest that it was told of in any way
}

const unended = 1 << 62

// take notes what a churner has heard.
func (c *churner) take(g string) {
	c.conn.heard("")
	for _, l := range c.conn.seen {
		seq := int64(0)
		switch heads, _ := l["heads"].(map[string]any); {
		case l.is("message") && l.has("conversation", g):
			seq = int64(l["seq"].(float64))
			c.got[seq] = true
		case l.is("hint") && l.has("conversation", g):
			seq = int64(l["last_seq"].(float64))
		case heads[g] != nil: // of ping, or ready
			seq = int64(heads[g].(float64))
		}
		c.told = max(c.told, seq)
	}
	c.conn.seen = nil
}

// entitled reports whether a message is for c.
func (c *churner) entitled(seq int64) bool {
	for _, s := range c.spans {
		if seq > s.from && seq <= s.to {
			return true
		}
	}
	return false
}

// churn is a group of which half comes and goes.
type churn struct {
	*world
	nodes []*node
	group string
	all   []*churner
	r     *rand.Rand
}

// step has one of those who come and go be removed, be put back in, or come again
// by another socket. Half of the words of it are lost.
func (h *churn) step(ctx context.Context) error {
	c := h.all[h.r.IntN(len(h.all)/2)]
	if h.r.IntN(5) == 0 {
		h.again(c)
		return nil
	}
	var changed group.Changed
	err := h.pool.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		r, err := h.Lock(ctx, tx, h.group)
		if err != nil {
			return err
		}
		if c.in {
			_, err = h.Remove(ctx, tx, &r, []string{c.name})
		} else {
			_, err = h.Add(ctx, tx, &r, message.Plain, []string{c.name})
		}
		changed = group.Changed{Conversation: h.group, Version: r.Version, FromSeq: r.LastSeq, LastSeq: r.LastSeq, Gone: c.in, By: "owner"}
		return err
	})
	if err != nil {
		return err
	}
	if c.in {
		c.spans[len(c.spans)-1].to = changed.LastSeq
	} else {
		c.spans = append(c.spans, span{changed.LastSeq, unended})
	}
	c.in = !c.in
	if h.r.IntN(2) == 0 {
		return nil
	}
	return h.bus.Tell(changed.Note(c.name))
}

// again has somebody come by a new socket, on the other node.
func (h *churn) again(c *churner) {
	if c.conn != nil {
		_ = c.conn.conn.CloseNow()
		<-c.conn.ended
		c.take(h.group)
	}
	c.node = 1 - c.node
	c.conn = dial(h.t, h.nodes[c.node], nil)
	c.conn.name = c.name
	c.conn.say(line{"t": "auth", "token": h.token(c.name, time.Hour, c.name), "device": fmt.Sprint("d", h.r.Int64())})
	ready := c.conn.await("ready")
	c.conn.seen = append(c.conn.seen, ready)
	c.take(h.group)
}

// TestHalfOfAGroupComesAndGoes while messages fly, over two nodes, and the words of
// it get lost: nobody who is out is given one, and whoever is in is given it, or
// told that it is there.
func TestHalfOfAGroupComesAndGoes(t *testing.T) {
	t.Parallel()
	const (
		users    = 40
		messages = 200
		changes  = 150
	)
	w := newWorld(t)
	h := &churn{world: w, nodes: []*node{w.open(options{}), w.open(options{})}, r: rand.New(rand.NewPCG(15, 1))}
	var names []string
	for i := range users {
		names = append(names, fmt.Sprintf("u%d", i))
		h.all = append(h.all, &churner{name: names[i], node: i % 2, in: true, spans: []span{{0, unended}}, got: map[int64]bool{}})
	}
	h.group = w.found("owner", names...)
	for _, c := range h.all {
		h.again(c)
	}
	var posting sync.WaitGroup
	posting.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for i := range messages {
			<-tick.C
			_, err := w.poster.Post(t.Context(), message.Draft{Sender: "owner", Conversation: h.group, ClientMsgID: fmt.Sprint("m", i), Kind: "text", Body: []byte(`{}`)})
			if err != nil {
				t.Errorf("posting %d: %v", i, err)
			}
		}
	})
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for i := range changes {
		<-tick.C
		must(t, h.step(t.Context()))
		if i%40 == 39 {
			w.sweep()
		}
	}
	posting.Wait()
	w.sweep()
	h.settle(t, messages)
}

// settle has a last message reach who is in, and looks at what each was given.
func (h *churn) settle(t *testing.T, messages int64) {
	last := h.post("owner", h.group, "last").Seq
	if last != messages+1 {
		t.Fatalf("the last message is %d", last)
	}
	direct := 0
	for _, c := range h.all {
		await(t, c.name+" to know of the last message", func() bool {
			c.take(h.group)
			return !c.in || c.told >= last
		})
	}
	// Whoever should have had nothing has had the time of all the others.
	for _, c := range h.all {
		c.take(h.group)
		for seq := range c.got {
			direct++
			if !c.entitled(seq) {
				t.Errorf("%s, in during %v, got %d", c.name, c.spans, seq)
			}
		}
		if !c.in && c.entitled(c.told) && c.told > c.spans[len(c.spans)-1].to {
			t.Errorf("%s, in during %v, was told of %d", c.name, c.spans, c.told)
		}
	}
	for _, c := range h.all[len(h.all)/2:] { // who stayed
		if int64(len(c.got)) != last {
			t.Errorf("%s was in all the time and got %d of %d messages", c.name, len(c.got), last)
		}
	}
	t.Logf("%d messages were given", direct)
	if min := int(last) * len(h.all) / 2; direct < min+min/5 {
		t.Errorf("%d messages were given, not many more than the %d of those who stayed", direct, min)
	}
}
