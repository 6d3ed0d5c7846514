package connector

import (
	"context"
	"errors"
	"sync"
	"time"

	"bazaar/shared/bus"
	"bazaar/shared/message"
)

const (
	// maxAsked bounds the users of one question.
	maxAsked = 256
	// maxRounds bounds how often it is asked again because something changed.
	maxRounds = 8
	// rosterTimeout bounds one reading.
	rosterTimeout = 5 * time.Second
)

var (
	errNotHeard = errors.New("a conversation cannot be heard")
	errEnded    = errors.New("this node has ended")
)

// Directory answers who may see what: message.Store with a pool of its own.
type Directory interface {
	Seats(ctx context.Context, users []string) ([]message.Seat, error)
	Heads(ctx context.Context, conversations []string) (map[string]message.Head, error)
	ChangesSince(ctx context.Context, conversation string, version int64) (message.Head, []message.Change, error)
}

// Bus is core NATS: bus.Bus.
type Bus interface {
	Tell(notes ...bus.Note) error
	Flush(ctx context.Context) error
}

// roster looks up the seats of users and has the hub seat them: many at once,
// since they come at once after a node was lost. What happens after the reading
// is heard: all is subscribed to before.
type roster struct {
	hub       *hub
	bus       Bus
	directory Directory
	wake      chan struct{}

	mu      sync.Mutex
	waiting map[string][]*client // by user; none for who is only to be read again
}

func newRoster(h *hub, b Bus, d Directory) *roster {
	return &roster{hub: h, bus: b, directory: d, wake: make(chan struct{}, 1), waiting: map[string][]*client{}}
}

// join has a client seated and let in. It does not wait.
func (r *roster) join(c *client) { r.add(c.user, c) }

// again has a user's seats read again.
func (r *roster) again(users ...string) {
	for _, name := range users {
		r.add(name)
	}
}

func (r *roster) add(user string, clients ...*client) {
	r.mu.Lock()
	r.waiting[user] = append(r.waiting[user], clients...)
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// some takes as many users as one question may have.
func (r *roster) some() map[string][]*client {
	r.mu.Lock()
	defer r.mu.Unlock()
	batch := map[string][]*client{}
	for user, clients := range r.waiting {
		if len(batch) == maxAsked {
			break
		}
		batch[user] = clients
		delete(r.waiting, user)
	}
	return batch
}

// run seats whoever waits, until ctx ends.
func (r *roster) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		}
		for batch := r.some(); len(batch) > 0 && ctx.Err() == nil; batch = r.some() {
			r.seat(ctx, batch)
		}
	}
}

// seat seats a batch. Who cannot be seated is sent away for a while.
func (r *roster) seat(ctx context.Context, batch map[string][]*client) {
	users := make([]string, 0, len(batch))
	for user := range batch {
		users = append(users, user)
	}
	var err error
	for range maxRounds {
		if users, err = r.round(ctx, users, batch); err != nil || len(users) == 0 {
			break
		}
	}
	if err != nil && ctx.Err() == nil {
		r.hub.log.Warn("seats cannot be read", "users", len(users), "error", err.Error())
	}
	for _, user := range users {
		for _, c := range batch[user] {
			c.overloaded()
		}
	}
}

// round reads the seats of users once they are heard, and gives those who were
// not seated.
func (r *roster) round(ctx context.Context, users []string, arrivals map[string][]*client) (left []string, err error) {
	var fresh bool
	if !r.ask(func() { fresh, err = r.hub.begin(users) }) {
		return users, errEnded
	}
	if err != nil {
		return users, err
	}
	pinned := map[string]bool{}
	defer r.ask(func() { r.hub.release(users, pinned) })
	var seats []message.Seat
	for range maxRounds {
		if fresh {
			if err := r.bus.Flush(ctx); err != nil {
				return users, err
			}
		}
		if seats, err = r.read(ctx, users); err != nil {
			return users, err
		}
		if !r.ask(func() { fresh, err = r.hub.reserve(seats, pinned, time.Now()) }) {
			return users, errEnded
		}
		if err != nil {
			return users, err
		}
		if !fresh {
			break
		}
	}
	if fresh {
		return users, nil // new conversations all the time: once more
	}
	read := make(map[string][]message.Seat, len(users))
	for _, s := range seats {
		read[s.User] = append(read[s.User], s)
	}
	if !r.ask(func() { left = r.hub.take(users, arrivals, read, time.Now()) }) {
		return users, errEnded
	}
	return left, nil
}

func (r *roster) read(ctx context.Context, users []string) ([]message.Seat, error) {
	ctx, cancel := context.WithTimeout(ctx, rosterTimeout)
	defer cancel()
	return r.directory.Seats(ctx, users)
}

// ask runs f in the hub's turn and waits for it; false when the hub has ended.
func (r *roster) ask(f func()) bool {
	done := make(chan struct{})
	r.hub.do(func() { f(); close(done) })
	select {
	case <-done:
		return true
	case <-r.hub.stopped:
		return false
	}
}
