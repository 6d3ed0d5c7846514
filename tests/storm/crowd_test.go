package storm_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"bazaar/infra/chat"
)

// person is a client: one device of one user.
type person struct {
	*chat.Client
	user, device string
	done         chan struct{}
	why          error // of its end, when done is closed
}

// crowd are the clients of a story.
type crowd struct {
	h       *house
	people  []*person
	users   []string
	mu      sync.Mutex
	queued  []*chat.Pending
	answers map[string]int // of manage-group, by method and status
}

// gather makes clients and waits until all are connected. The first users have
// two devices each, so many that there are as many clients as were asked for.
func (h *house) gather(t *testing.T, name string, users, clients int, sockets []string) *crowd {
	t.Helper()
	c := &crowd{h: h, answers: map[string]int{}}
	life, leave := context.WithCancel(context.Background())
	for i := range clients {
		user, device := fmt.Sprintf("%s-%03d", name, i%users), fmt.Sprintf("device-%d", i/users)
		p := &person{user: user, device: device, done: make(chan struct{})}
		if i < users {
			c.users = append(c.users, user)
		}
		var err error
		if p.Client, err = chat.New(chat.Options{
			Sockets: sockets, API: h.Gateway + "/function", User: user, Device: device, Record: true, HTTP: h.http,
			Token: func(context.Context, bool) (string, time.Time, error) { return h.token(user) },
		}); err != nil {
			t.Fatal(err)
		}
		go func() {
			defer close(p.done)
			p.why = p.Run(life)
		}()
		c.people = append(c.people, p)
	}
	t.Cleanup(func() {
		leave()
		for _, p := range c.people {
			<-p.done
			if p.why != nil {
				t.Errorf("%s/%s has ended: %v", p.user, p.device, p.why)
			}
		}
	})
	within, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, p := range c.people {
		if err := p.AwaitState(within, chat.Ready); err != nil {
			t.Fatalf("%s/%s: waiting to be let in: %v", p.user, p.device, err)
		}
	}
	return c
}

// records are what all have seen.
func (c *crowd) records() []chat.Record {
	all := make([]chat.Record, len(c.people))
	for i, p := range c.people {
		all[i] = p.Record()
	}
	return all
}

// say queues a message and notes it.
func (c *crowd) say(p *person, to chat.Target, text string) {
	sent := p.Queue(to, "text", map[string]string{"text": text})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queued = append(c.queued, sent)
}

// unsettled is how many messages have neither been stored nor refused for good,
// and the first refusal that nobody should get: who speaks may have been taken
// out of the conversation, and nothing else.
func (c *crowd) unsettled() (left int, wrong error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.queued {
		select {
		case <-p.Done():
		default:
			left++
			continue
		}
		_, err := p.Wait(context.Background())
		refused := (*chat.Refused)(nil)
		if err != nil && !(errors.As(err, &refused) && refused.Code == "not_found") {
			wrong = fmt.Errorf("%s to %v: %w", p.ID, p.To, err)
		}
	}
	return left, wrong
}

// pick takes one at random.
func pick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }
