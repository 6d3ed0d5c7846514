package connector

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"bazaar/infra/connector/socket"
	"bazaar/shared/bus"
	"bazaar/shared/message"
	"bazaar/shared/presence"
)

// lookEvery is how often what is watched is looked up: a word may get lost.
const lookEvery = 30 * time.Second

// watched is a user whose presence clients of ours watch.
type watched struct {
	clients map[*client]struct{}
	told    presence.Presence // last
}

// watch has a client told of users from now on, in the place of those before, and
// tells it at once how they are.
func (n *Connector) watch(c *client, users []string) {
	users = slices.Compact(slices.Sorted(slices.Values(users)))
	n.hub.do(func() { n.hub.watch(c, users) })
	n.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), presenceTimeout)
		defer cancel()
		for user, p := range n.presences(ctx, users) {
			if line, err := presence.ChangedLine(user, p); err == nil {
				c.socket.Offer(socket.Text(line), socket.Ephemeral)
			}
		}
	})
}

// presences asks how users are. Redis away: it does not say.
func (n *Connector) presences(ctx context.Context, users []string) map[string]presence.Presence {
	found := map[string]presence.Presence{}
	for some := range slices.Chunk(users, presence.MostUsers) {
		part, err := n.presence.Look(ctx, some)
		if err != nil {
			n.metrics.presence.WithLabelValues("failed").Inc()
			return found
		}
		maps.Copy(found, part)
	}
	return found
}

// keepWatch looks all watched users up from time to time.
func (n *Connector) keepWatch(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		all := make(chan []string, 1)
		n.hub.do(func() { all <- slices.Collect(maps.Keys(n.hub.watched)) })
		select {
		case users := <-all:
			found := n.presences(ctx, users)
			n.hub.do(func() { n.hub.found(found) })
		case <-ctx.Done():
			return
		}
	}
}

// watch puts a client among those who are told of users.
func (h *hub) watch(c *client, users []string) {
	h.unwatch(c)
	if c.gone {
		return
	}
	for _, name := range users {
		w := h.watched[name]
		if w == nil {
			if err := h.ear.Open(presence.ChangedSubject(name)); err != nil {
				continue // it is looked up from time to time
			}
			w = &watched{clients: map[*client]struct{}{}}
			h.watched[name] = w
		}
		w.clients[c] = struct{}{}
	}
	c.watches = users
}

func (h *hub) unwatch(c *client) {
	for _, name := range c.watches {
		w := h.watched[name]
		if w == nil {
			continue
		}
		if delete(w.clients, c); len(w.clients) == 0 {
			delete(h.watched, name)
			if err := h.ear.Close(presence.ChangedSubject(name)); err != nil {
				h.log.Warn("a presence is still heard", "user", name, "error", err.Error())
			}
		}
	}
	c.watches = nil
}

// seen passes on what another node tells of a user.
func (h *hub) seen(name string, line []byte) {
	user, p, err := presence.ReadChanged(line)
	if err != nil || user != name {
		return
	}
	h.tell(name, p)
}

// found passes on what has changed since the last word.
func (h *hub) found(all map[string]presence.Presence) {
	for name, p := range all {
		if w := h.watched[name]; w != nil && w.told.Online != p.Online {
			h.tell(name, p)
		}
	}
}

func (h *hub) tell(name string, p presence.Presence) {
	w := h.watched[name]
	line, err := presence.ChangedLine(name, p)
	if w == nil || err != nil {
		return
	}
	w.told = p
	f := socket.Text(line)
	for c := range w.clients {
		h.out.put(c, op{kind: opTell, client: c, frame: f, class: socket.Ephemeral})
	}
}

// typing tells a conversation that a client of ours types in it, if it has a seat
// there.
func (h *hub) typing(c *client, conversation string) {
	r, u := h.rooms[conversation], c.here
	if r == nil || u == nil {
		return
	}
	if _, seated := r.seats[u]; !seated {
		return
	}
	h.out.tell(bus.Note{Subject: message.SentSubject(conversation), Data: typingLine(conversation, u.name), Header: nats.Header{
		message.HeaderFrame:   {message.FrameTyping},
		message.HeaderVersion: {strconv.FormatInt(r.fence.checked, 10)},
		message.HeaderSockets: {socketName(h.node, c.socket.Serial())},
	}})
}
