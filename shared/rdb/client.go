// Package rdb is the way to Redis, single or Cluster, and holds Lua scripts by
// name. Redis admits and remembers; it may be emptied at any time without a
// wrong result, so nothing here is the truth about anything. It owns no key.
package rdb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"bazaar/shared/fault"
)

// Settings say where Redis is.
type Settings struct {
	// Addrs has one host:port for a single server, or several of a Cluster.
	Addrs    []string `env:"redis_addrs" envDefault:"redis:6379"`
	Password string   `secret:"redis-password"`
	// Timeout bounds one round trip.
	Timeout time.Duration `env:"redis_timeout" envDefault:"1s"`
	// MaxConns bounds this process's connections to each server.
	MaxConns int `env:"redis_max_conns" envDefault:"32"`
}

// Client is a client of one server or of a Cluster.
type Client struct {
	redis.UniversalClient
	lane *lane
}

// Open makes a client and never dials.
func Open(s Settings) (*Client, error) {
	if len(s.Addrs) == 0 {
		return nil, errors.New("redis_addrs is empty")
	}
	universal := redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs:        s.Addrs,
		Password:     s.Password,
		DialTimeout:  s.Timeout,
		ReadTimeout:  s.Timeout,
		WriteTimeout: s.Timeout,
		PoolSize:     s.MaxConns,
		// A call that fails is answered as unavailable; the caller retries under its key.
		// Five attempts to connect, which is usual, would take half a second first.
		MaxRetries:            -1,
		DialerRetries:         1,
		ContextTimeoutEnabled: true,
	})
	send := func(ctx context.Context, commands []redis.Cmder) {
		pipe := universal.Pipeline()
		// Each command has its own error.
		_ = pipe.BatchProcess(ctx, commands...)
		_, _ = pipe.Exec(ctx)
	}
	return &Client{universal, &lane{send: send, timeout: s.Timeout}}, nil
}

// Together sends a command in one round trip with those that others send at the
// same time: for commands that every call needs. Its reply is a string, an
// int64, or a list of these; redis.Nil is an error. When ctx ends before the
// reply is there, the command may have been run or may still be.
func (c *Client) Together(ctx context.Context, args ...any) (any, error) {
	replies, err := c.lane.do(ctx, args)
	if err != nil {
		return nil, err
	}
	return replies[0].Result()
}

// TogetherBoth is Together for two commands on keys of one hash tag: the second
// runs after the first, and others' may run in between. Each reply has an error
// of its own.
func (c *Client) TogetherBoth(ctx context.Context, first, second []any) (one, two *redis.Cmd, err error) {
	replies, err := c.lane.do(ctx, first, second)
	if err != nil {
		return nil, nil, err
	}
	return replies[0], replies[1], nil
}

// Outcome is what became of one command of several.
type Outcome struct {
	Reply any
	Err   error
}

// DoAll sends commands in one round trip to each server. When ctx ends first, any
// of them may have been run or may still be.
func (c *Client) DoAll(ctx context.Context, commands [][]any) []Outcome {
	pipe := c.Pipeline()
	replies := make([]*redis.Cmd, len(commands))
	for i, args := range commands {
		replies[i] = pipe.Do(ctx, args...)
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	outcomes := make([]Outcome, len(commands))
	for i, reply := range replies {
		outcomes[i].Reply, outcomes[i].Err = reply.Result()
	}
	return outcomes
}

// Read gets a string in one round trip with those that others send at the same
// time, once for all who ask for the key at the same time: what it gives was
// read after the call began. A missing key is redis.Nil.
func (c *Client) Read(ctx context.Context, key string) (string, error) {
	reply, err := c.lane.get(ctx, key)
	text, _ := reply.(string)
	return text, err
}

// Fault says what err, met while doing something, is to a caller: redis.Nil and
// faults stay what they are, a server that is away, hangs, loads, is full or
// read-only is unavailable.
func Fault(err error, doing string) error {
	if err == nil {
		return nil
	}
	wrapped := fmt.Errorf("%s: %w", doing, err)
	var known *fault.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, redis.Nil), errors.Is(err, context.Canceled):
		return wrapped
	case isReply(err) && !refusesService(err):
		return wrapped
	}
	return fault.New(fault.Unavailable, "unavailable", "The store is not available at the moment.").
		After(time.Second).Because(wrapped)
}

// isReply reports whether the server itself answered with an error.
func isReply(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply)
}

// refusesService recognises the replies of a server that cannot serve now.
func refusesService(err error) bool {
	for _, prefix := range []string{"LOADING", "READONLY", "MISCONF", "OOM", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "ERR max number of clients", "NOREPLICAS", "BUSY"} {
		if redis.HasErrorPrefix(err, prefix) {
			return true
		}
	}
	return false
}
