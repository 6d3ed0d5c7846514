package rdb

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// Script is a Lua script. Its keys must share one hash tag, so that it runs on
// a Cluster.
type Script struct {
	name   string
	source string
	hash   string
}

// NewScript names a script; the name appears in errors.
func NewScript(name, source string) Script {
	return Script{name: name, source: source, hash: redis.NewScript(source).Hash()}
}

// Run runs the script by its hash, and sends its source where the server does
// not know it (after a restart, say). It shares a round trip with other callers:
// when ctx ends first, the script may have been run or may still be.
func (s Script) Run(ctx context.Context, c *Client, keys []string, args ...any) (any, error) {
	command := s.command(keys, args)
	reply, err := c.Together(ctx, command...)
	if unknown(err) {
		reply, err = c.Together(ctx, append([]any{"eval", s.source}, command[2:]...)...)
	}
	if err != nil {
		return nil, Fault(err, "running the script "+s.name)
	}
	return reply, nil
}

// Call is one run of a script.
type Call struct {
	Keys []string
	Args []any
}

// RunAll runs the script for each call, in one round trip to each server. When
// ctx ends first, any of them may have been run or may still be.
func (s Script) RunAll(ctx context.Context, c *Client, calls []Call) []Outcome {
	commands := make([][]any, len(calls))
	for i, call := range calls {
		commands[i] = s.command(call.Keys, call.Args)
	}
	outcomes := c.DoAll(ctx, commands)
	for i, o := range outcomes {
		if unknown(o.Err) {
			outcomes[i].Reply, outcomes[i].Err = s.Run(ctx, c, calls[i].Keys, calls[i].Args...)
		} else {
			outcomes[i].Err = Fault(o.Err, "running the script "+s.name)
		}
	}
	return outcomes
}

// command is the call of the script by its hash.
func (s Script) command(keys []string, args []any) []any {
	command := make([]any, 0, 3+len(keys)+len(args))
	command = append(command, "evalsha", s.hash, len(keys))
	for _, key := range keys {
		command = append(command, key)
	}
	return append(command, args...)
}

// unknown reports whether the server does not know the script's hash.
func unknown(err error) bool { return err != nil && redis.HasErrorPrefix(err, "NOSCRIPT") }
