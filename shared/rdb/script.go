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
	command := make([]any, 0, 3+len(keys)+len(args))
	command = append(command, "evalsha", s.hash, len(keys))
	for _, key := range keys {
		command = append(command, key)
	}
	command = append(command, args...)
	reply, err := c.Together(ctx, command...)
	if err != nil && redis.HasErrorPrefix(err, "NOSCRIPT") {

		reply, err = c.Together(ctx, append([]any{"eval", s.source}, command[2:]...)...)
	}
	if err != nil {
		return nil, Fault(err, "running the script "+s.name)
	}
	return reply, nil
}
