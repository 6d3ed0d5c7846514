package rdb

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// mostTogether bounds the commands of one round trip.
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
	flying  int
}

// passenger is one command on its way. Its reply is read by its caller only
// after landed, and by nobody when the caller has left before.
type passenger struct {
	command *redis.Cmd
	landed  chan struct{}
}

// do sends one command and waits for its reply. When ctx ends first, the
// command may have been run or may still be.
func (l *lane) do(ctx context.Context, args ...any) (any, error) {
	// The command belongs to the lane, which outlives this caller.
	p := &passenger{command: redis.NewCmd(context.WithoutCancel(ctx), args...), landed: make(chan struct{})}
	l.board(p)
	select {
	case <-p.landed:
		return p.command.Result()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *lane) board(p *passenger) {
	l.mu.Lock()
	defer l.mu.Unlock()
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
		commands := make([]redis.Cmder, len(group))
		for i, p := range group {
			commands[i] = p.command
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
	l.waiting = l.waiting[n:]
	if len(l.waiting) == 0 {
		l.waiting = nil
	}
	return group
}
