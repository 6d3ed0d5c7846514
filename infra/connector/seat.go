package connector

import (
	"slices"
	"time"

	"bazaar/infra/connector/socket"
	"bazaar/shared/group"
	"bazaar/shared/message"
)

// enter has a conversation heard; nil when it cannot be.
func (h *hub) enter(id string, now time.Time) *room {
	if err := h.ear.Open(message.SentSubject(id)); err != nil {
		h.log.Warn("a conversation cannot be heard", "conversation", id, "error", err.Error())
		return nil
	}
	r := &room{id: id, seats: map[*user]seat{}, empty: now}
	h.rooms[id] = r
	h.vacant[r] = struct{}{}
	return r
}

// close has a conversation heard no more.
func (h *hub) close(r *room) {
	if err := h.ear.Close(message.SentSubject(r.id)); err != nil {
		h.log.Warn("a conversation is still heard", "conversation", r.id, "error", err.Error())
	}
	delete(h.rooms, r.id)
	delete(h.vacant, r)
	delete(h.asking, r)
	delete(h.behind, r)
}

// seat gives a user a place in a room, or another one.
func (h *hub) seat(u *user, r *room, s seat) {
	if _, seated := r.seats[u]; !seated {
		u.rooms = append(u.rooms, r)
		r.empty = time.Time{}
	}
	r.seats[u] = s
	for _, c := range u.clients {
		h.out.put(c, op{kind: opSeat, room: r.id, client: c, seat: s})
	}
}

// unseat takes a user's place away. With a line its sockets are told, behind all
// that they may still see.
func (h *hub) unseat(u *user, r *room, line []byte) {
	var f socket.Frame
	if line != nil {
		f = socket.Text(line)
	}
	for _, c := range u.clients {
		h.out.put(c, op{kind: opUnseat, room: r.id, client: c, frame: f})
	}
	u.rooms = slices.DeleteFunc(u.rooms, func(other *room) bool { return other == r })
	h.vacate(u, r)
}

func (h *hub) vacate(u *user, r *room) {
	delete(r.seats, u)
	if len(r.seats) > 0 {
		return
	}
	// Nobody is left for whom anything waits.
	r.fence = fence{checked: r.fence.checked, asking: r.fence.asking, asked: r.fence.asked}
	r.empty = time.Now()
	h.vacant[r] = struct{}{}
	delete(h.asking, r)
	delete(h.behind, r)
}

// begin notes that the seats of users are about to be read. It reports whether
// anything is heard from now on that was not.
func (h *hub) begin(users []string) (fresh bool, err error) {
	for _, name := range users {
		if h.users[name] != nil {
			continue
		}
		if err = h.ear.Open(group.Subject(name)); err != nil {
			break
		}
		h.users[name] = &user{name: name}
		fresh = true
	}
	for _, name := range users {
		switch u := h.users[name]; {
		case u == nil:
		case err != nil:
			h.forget(u)
		default:
			u.pins++
			u.news = nil
		}
	}
	return fresh, err
}

// reserve has conversations heard, and kept so until release. It gives those that
// were not heard before.
func (h *hub) reserve(seats []message.Seat, pinned map[string]bool, now time.Time) (fresh bool, err error) {
	for _, s := range seats {
		if pinned[s.Conversation] {
			continue
		}
		r := h.rooms[s.Conversation]
		if r == nil {
			if r = h.enter(s.Conversation, now); r == nil {
				return fresh, errNotHeard
			}
			fresh = true
		}
		r.pins++
		pinned[s.Conversation] = true
	}
	return fresh, nil
}

// release ends what begin and reserve have begun.
func (h *hub) release(users []string, pinned map[string]bool) {
	for id := range pinned {
		if r := h.rooms[id]; r != nil {
			r.pins--
		}
	}
	for _, name := range users {
		if u := h.users[name]; u != nil {
			if u.pins--; u.pins == 0 {
				u.news = nil
			}
			h.forget(u)
		}
	}
}

// forget ends a user who has nothing here any more.
func (h *hub) forget(u *user) {
	if len(u.clients) > 0 || u.pins > 0 {
		return
	}
	delete(h.users, u.name)
	if err := h.ear.Close(group.Subject(u.name)); err != nil {
		h.log.Warn("a user is still heard", "user", u.name, "error", err.Error())
	}
}

// take seats users as they were read, with the sockets that came for it. It gives
// those whose reading is too old: a room knows of a later version, or something
// changed meanwhile.
func (h *hub) take(users []string, arrivals map[string][]*client, read map[string][]message.Seat, now time.Time) (again []string) {
	for _, name := range users {
		u := h.users[name]
		if u == nil || u.outdated(read[name]) || h.old(u, read[name]) {
			again = append(again, name)
			continue
		}
		h.settle(u, arrivals[name], read[name], now)
	}
	return again
}

// old reports whether a place would be taken with a version before that at which
// its room was checked: who was unseated by that must not come back by this.
func (h *hub) old(u *user, read []message.Seat) bool {
	return slices.ContainsFunc(read, func(s message.Seat) bool {
		r := h.rooms[s.Conversation]
		if r == nil {
			return true
		}
		_, seated := r.seats[u]
		return !seated && len(r.seats) > 0 && s.Version < r.fence.checked
	})
}

// settle seats a user as it was read and lets its new sockets in.
func (h *hub) settle(u *user, arrivals []*client, read []message.Seat, now time.Time) {
	arrivals = slices.DeleteFunc(arrivals, func(c *client) bool { return c.gone })
	if len(arrivals)+len(u.clients) == 0 {
		return
	}
	heads := make(map[string]int64, len(read))
	for _, s := range read {
		r := h.rooms[s.Conversation]
		_, seated := r.seats[u]
		if !seated && len(r.seats) == 0 {
			r.fence.checked = s.Version // nobody is here of whom more is known
			r.seq = max(r.seq, s.LastSeq)
		}
		if !seated {
			h.seat(u, r, seat{from: s.From, since: s.Version})
			if last := max(s.LastSeq, r.seq); last > s.From && len(u.clients) > 0 {
				h.hintUser(u, r.id, last) // who was here before heard nothing of it
			}
		}
		// What was heard and not given since the reading counts as there.
		heads[r.id] = max(s.LastSeq, r.seq)
		h.headed(r, message.Head{Version: s.Version, LastSeq: s.LastSeq}, now)
		h.question(r, now)
	}
	for _, r := range u.rooms {
		if _, there := heads[r.id]; !there {
			// Out, or come since: the room's own question tells.
			r.fence.doubt = true
			h.question(r, now)
		}
	}
	for _, c := range arrivals {
		h.welcome(u, c, heads)
	}
}

// welcome lets a socket in: first it is ready, then comes all that is heard from
// now on.
func (h *hub) welcome(u *user, c *client, heads map[string]int64) {
	c.here = u
	u.clients = append(u.clients, c)
	h.out.put(c, op{kind: opWelcome, client: c, heads: heads})
	for _, r := range u.rooms {
		h.out.put(c, op{kind: opSeat, room: r.id, client: c, seat: r.seats[u]})
	}
}

// leave takes a socket out that has ended.
func (h *hub) leave(c *client) {
	c.gone = true
	h.unwatch(c)
	u := c.here
	if u == nil {
		return
	}
	c.here = nil
	for _, r := range u.rooms {
		h.out.put(c, op{kind: opUnseat, room: r.id, client: c})
	}
	u.clients = slices.DeleteFunc(u.clients, func(other *client) bool { return other == c })
	if len(u.clients) == 0 {
		for _, r := range u.rooms {
			h.vacate(u, r)
		}
		u.rooms = nil
		h.forget(u)
	}
}
