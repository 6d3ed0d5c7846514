package rdb

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// mostTogether bounds the callers of one round trip.
	mostTogether = 256
	// flights is how many round trips run at the same time: while one is on its
	// way, or a node of a Cluster is slow, another may go.
	flights = 2
)

// lane sends commands of many callers in few round trips: those that come while
// the flights are on their way go together with the next. A round trip costs
// more than most commands, on both sides.
type lane struct {
	send    func(ctx context.Context, commands []redis.Cmder)
	timeout time.Duration // of one round trip

	mu      sync.Mutex
	waiting []*passenger
	reading map[string]*passenger // of waiting: who reads a key, for all who read it
	flying  int
}

// passenger is commands on their way, which run in their order. Their replies
// are read by the caller only after landed, and by nobody when it has left before.
type passenger struct {
	commands []*redis.Cmd
	reads    string // the key that it does nothing but read
	landed   chan struct{}
}

// do sends commands and waits for their replies. When ctx ends first, they may
// have been run or may still be. On one server they run one after the other,
// with others' in between perhaps.
func (l *lane) do(ctx context.Context, calls ...[]any) ([]*redis.Cmd, error) {
	p := &passenger{commands: make([]*redis.Cmd, len(calls)), landed: make(chan struct{})}
	for i, args := range calls {
		// The command belongs to the lane, which outlives this caller.
		p.commands[i] = redis.NewCmd(context.WithoutCancel(ctx), args...)
	}
	l.mu.Lock()
	l.board(p)
	l.mu.Unlock()
	return p.wait(ctx)
}

// get reads a key, once for all who ask while nobody is on the way to it: what
// they get was read after each of them had asked.
func (l *lane) get(ctx context.Context, key string) (any, error) {
	l.mu.Lock()
	p := l.reading[key]
	if p == nil {
		p = &passenger{commands: []*redis.Cmd{redis.NewCmd(context.Background(), "get", key)}, reads: key, landed: make(chan struct{})}
		if l.reading == nil {
			l.reading = map[string]*passenger{}
		}
		l.reading[key] = p
		l.board(p)
	}
	l.mu.Unlock()
	replies, err := p.wait(ctx)
	if err != nil {
		return nil, err
	}
	return replies[0].Result()
}

func (p *passenger) wait(ctx context.Context) ([]*redis.Cmd, error) {
	select {
	case <-p.landed:
		return p.commands, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// board wants l.mu held.
func (l *lane) board(p *passenger) {
	l.waiting = append(l.waiting, p)
	if l.flying < flights {
		l.flying++
		go l.fly() // ends when nobody waits
	}
}

// fly makes round trips until nobody waits.
func (l *lane) fly() {
	for {
		// Whoever can run now may have a command too, above all those whose
		// replies have just come. Nobody can where nothing else is going on.
		runtime.Gosched()
		group := l.take()
		if group == nil {
			return
		}
		commands := make([]redis.Cmder, 0, len(group))
		for _, p := range group {
			for _, c := range p.commands {
				commands = append(commands, c)
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), l.timeout)
		l.send(ctx, commands)
		cancel()
		for _, p := range group {
			close(p.landed)
		}
	}
}

// take is the next group; with nobody left the flight is over.
func (l *lane) take() []*passenger {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.waiting), mostTogether)
	if n == 0 {
		l.flying--
		return nil
	}
	group := l.waiting[:n:n]
	for _, p := range group {
		delete(l.reading, p.reads)
	}
	l.waiting = l.waiting[n:]
	if len(l.waiting) == 0 {
		l.waiting = nil
	}
	return group
}
