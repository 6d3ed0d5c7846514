package connector

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"bazaar/infra/connector/socket"
	"bazaar/shared/bus"
	"bazaar/shared/group"
	"bazaar/shared/message"
	"bazaar/shared/presence"
)

const (
	// tickEvery is how often the hub looks at what is late.
	tickEvery = 100 * time.Millisecond
	// emptyFor is how long a room is heard after its last seat.
	emptyFor = 5 * time.Second
	// behindFor is how long an announcement may be on its way after the store was
	// heard to have it.
	behindFor = 500 * time.Millisecond
)

// hearing opens and closes subjects: bus.Ear.
type hearing interface {
	Open(subject string) error
	Close(subject string) error
}

// outlet is where the hub's decisions go, in order: the shards, and who asks.
type outlet interface {
	put(c *client, o op) // to the shard of a client
	all(o op)            // to every shard
	ask(q question) bool // false: not now
	look(conversation string)
	reread(user string)
	tell(n bus.Note)
}

// question asks who came and went in a conversation after a version.
type question struct {
	conversation string
	version      int64
}

// hub knows who is seated where on this node. It belongs to one goroutine, does
// no I/O and never waits for a socket: what it decides goes to the shards. Only
// its channels may be used by others.
type hub struct {
	node     string
	notes    chan *nats.Msg
	commands chan func()
	done     chan struct{} // closed to end it
	stopped  chan struct{} // closed when it has ended

	ear     hearing
	out     outlet
	metrics *metrics
	log     *slog.Logger

	users   map[string]*user
	rooms   map[string]*room
	asking  map[*room]struct{} // more is needed than is known
	behind  map[*room]struct{} // the store has more than was heard
	vacant  map[*room]struct{} // nobody is seated
	watched map[string]*watched
	replace func(r presence.Replaced)
}

func newHub(node string, ear hearing, out outlet, m *metrics, log *slog.Logger) *hub {
	return &hub{
		node: node, ear: ear, out: out, metrics: m, log: log, commands: make(chan func(), 4096),
		done: make(chan struct{}), stopped: make(chan struct{}),
		users: map[string]*user{}, rooms: map[string]*room{}, asking: map[*room]struct{}{},
		behind: map[*room]struct{}{}, vacant: map[*room]struct{}{}, watched: map[string]*watched{},
		replace: func(presence.Replaced) {},
	}
}

// run hears until done is closed.
func (h *hub) run() {
	defer close(h.stopped)
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		select {
		case <-h.done:
			return
		case m := <-h.notes:
			h.hear(m, time.Now())
		case f := <-h.commands:
			f()
		case now := <-tick.C:
			h.tick(now)
		}
	}
}

// do has f run in the hub's turn. It does not wait for it; after the end nothing
// is run.
func (h *hub) do(f func()) {
	select {
	case h.commands <- f:
	case <-h.done:
	}
}

// hear takes what NATS brings. What cannot be read is dropped: the sweep tells of
// it again.
func (h *hub) hear(m *nats.Msg, now time.Time) {
	if id, ok := strings.CutPrefix(m.Subject, message.SentSubject("")); ok {
		if r := h.rooms[id]; r != nil {
			h.announced(r, newDelivery(r.id, h.node, m, now), now)
		}
		return
	}
	var err error
	switch name, ok := strings.CutPrefix(m.Subject, group.Subject("")); {
	case ok:
		var c group.Changed
		if c, err = group.ReadChanged(m.Data); err == nil && !isID(c.Conversation) {
			err = fmt.Errorf("%q is no conversation", c.Conversation) // but a pattern, perhaps, of many
		}
		if err == nil {
			change := message.Change{Conversation: c.Conversation, User: name, Version: c.Version, From: c.FromSeq, Gone: c.Gone}
			if h.changed(change, c.LastSeq, c.By, now) {
				h.hintUser(h.users[name], c.Conversation, c.LastSeq) // also of one in which nothing was said yet
			}
		}
	case m.Subject == message.HeadSubject:
		var heads message.Heads
		if heads, err = message.ReadHeads(m.Data); err == nil {
			h.swept(heads, now)
		}
	case m.Subject == presence.ReplacedSubject(h.node):
		var r presence.Replaced
		if r, err = presence.ReadReplaced(m.Data); err == nil {
			h.replace(r)
		}
	default:
		if name, ok = strings.CutPrefix(m.Subject, presence.ChangedSubject("")); ok {
			h.seen(name, m.Data)
		}
	}
	if err != nil {
		h.log.Warn("a note cannot be read", "subject", m.Subject, "error", err.Error())
	}
}

// announced has a delivery go out, wait, or be hinted at.
func (h *hub) announced(r *room, d *delivery, now time.Time) {
	r.seq = max(r.seq, d.last)
	if len(r.seats) == 0 {
		return // whoever is about to be seated is told of r.seq
	}
	switch r.fence.meet(d, now) {
	case passes:
		h.out.all(op{kind: opDeliver, room: r.id, delivery: d})
	case hinted:
		h.hint(r, d.last)
	case waits:
		h.metrics.held.Inc()
	case dropped:
	}
	h.question(r, now)
}

// hint tells everybody in the room that there is something.
func (h *hub) hint(r *room, seq int64) {
	if seq > 0 {
		h.out.all(op{kind: opHint, room: r.id, seq: seq})
	}
}

// question has the members looked up, where more is needed than is known.
func (h *hub) question(r *room, now time.Time) {
	if r.fence.settled() {
		delete(h.asking, r)
		return
	}
	h.asking[r] = struct{}{}
	if r.fence.ask(now) && !h.out.ask(question{r.id, r.fence.checked}) {
		r.fence.failed(now)
	}
}

// answered takes what a question brought: nobody who is out hears more.
func (h *hub) answered(q question, head message.Head, changes []message.Change, err error, now time.Time) {
	r := h.rooms[q.conversation]
	if r == nil {
		return
	}
	if err != nil || head.Version < q.version || q.version > r.fence.checked {
		h.metrics.questions.WithLabelValues("failed").Inc()
		r.fence.failed(now)
		return
	}
	h.metrics.questions.WithLabelValues("answered").Inc()
	for _, c := range changes {
		h.apply(r, c, head.LastSeq)
	}
	for _, d := range r.fence.answered(head.Version, now) {
		h.out.all(op{kind: opDeliver, room: r.id, delivery: d})
	}
	h.headed(r, head, now)
	h.question(r, now)
}

// apply brings one place up to a snapshot of the store.
func (h *hub) apply(r *room, c message.Change, last int64) {
	u := h.users[c.User]
	if u == nil {
		return
	}
	u.hear(c)
	s, seated := r.seats[u]
	switch {
	case seated && c.Version <= s.since:
	case seated && c.Gone:
		h.unseat(u, r, goneLine(r.id, u.name, "", last, c.Version))
	case seated:
		h.seat(u, r, seat{from: max(s.from, c.From), since: c.Version})
	case !c.Gone && len(u.clients) > 0:
		h.seat(u, r, seat{from: c.From, since: c.Version})
		if r.seq > c.From {
			h.hintUser(u, r.id, r.seq)
		}
	}
}

// changed takes the word that a user came, went, or is something else. It never
// says that the room's other places are right: one change may be of many users.
// It reports whether the user was seated by it.
func (h *hub) changed(c message.Change, last int64, by string, now time.Time) bool {
	u := h.users[c.User]
	if u == nil {
		return false
	}
	u.hear(c)
	r := h.rooms[c.Conversation]
	var s seat
	seated := false
	if r != nil {
		s, seated = r.seats[u]
	}
	switch {
	case seated && (c.Version <= s.since || c.Version <= r.fence.checked && !c.Gone):
		return false
	case seated && c.Gone:
		h.unseat(u, r, goneLine(r.id, u.name, by, max(last, r.seq), c.Version))
		return false
	case seated:
		h.seat(u, r, seat{from: max(s.from, c.From), since: c.Version})
		return false
	case c.Gone || len(u.clients) == 0:
		return false
	}
	if r == nil {
		if r = h.enter(c.Conversation, now); r == nil {
			return false
		}
		// What was told before the server knew that we listen is not heard.
		r.seq = c.From
		h.out.look(c.Conversation)
	}
	if len(r.seats) == 0 {
		r.fence.checked = c.Version // nobody is here of whom more is known
	}
	if c.Version < r.fence.checked {
		h.out.reread(u.name) // the word is old: the user may be out again since
		return false
	}
	h.seat(u, r, seat{from: c.From, since: c.Version})
	return true
}

// swept takes what the sweep tells, or a survey.
func (h *hub) swept(heads message.Heads, now time.Time) {
	for id, head := range heads.Heads {
		if r := h.rooms[id]; r != nil {
			h.headed(r, head, now)
			h.question(r, now)
		}
	}
	for _, c := range heads.Members {
		if h.changed(c, 0, "", now) {
			last := c.From
			if r := h.rooms[c.Conversation]; r != nil {
				last = max(last, r.seq, heads.Heads[c.Conversation].LastSeq)
			}
			h.hintUser(h.users[c.User], c.Conversation, last)
		}
	}
}

// hintUser tells all sockets of a user.
func (h *hub) hintUser(u *user, conversation string, last int64) {
	f := socket.Text(hintLine(conversation, last))
	for _, c := range u.clients {
		h.out.put(c, op{kind: opTell, client: c, frame: f, class: socket.Notice, room: conversation, seq: last})
	}
}

// headed notes how far a conversation is in the store.
func (h *hub) headed(r *room, head message.Head, now time.Time) {
	if len(r.seats) == 0 {
		return
	}
	r.fence.want(head.Version, now)
	if head.LastSeq > r.seq {
		if _, known := h.behind[r]; !known {
			r.since = now
		}
		r.head = max(r.head, head.LastSeq)
		h.behind[r] = struct{}{}
	}
}

// looked is the head of a room that was entered late: what was missed is hinted
// at once.
func (h *hub) looked(id string, head message.Head, now time.Time) {
	r := h.rooms[id]
	if r == nil {
		return
	}
	if head.LastSeq > r.seq {
		r.seq = head.LastSeq
		h.hint(r, r.seq)
	}
	h.headed(r, head, now)
	h.question(r, now)
}

// tick looks at what is late.
func (h *hub) tick(now time.Time) {
	for r := range h.asking {
		late := r.fence.late(now)
		if len(late) > 0 {
			h.metrics.questions.WithLabelValues("late").Inc()
			h.hint(r, slices.MaxFunc(late, func(a, b *delivery) int { return int(a.last - b.last) }).last)
		}
		h.question(r, now)
	}
	for r := range h.behind {
		switch {
		case r.head <= r.seq:
			delete(h.behind, r)
		case now.Sub(r.since) >= behindFor:
			delete(h.behind, r)
			r.seq = r.head
			h.metrics.behind.Inc()
			h.out.all(op{kind: opPing, room: r.id, seq: r.seq})
		}
	}
	for r := range h.vacant {
		switch {
		case len(r.seats) > 0:
			delete(h.vacant, r)
		case r.pins == 0 && now.Sub(r.empty) >= emptyFor:
			h.close(r)
		}
	}
	h.metrics.rooms.Set(float64(len(h.rooms)))
}
