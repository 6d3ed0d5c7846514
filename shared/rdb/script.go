package rdb

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// Script is a Lua script. Its keys must share one hash tag, so that it runs on
// a Cluster.
type Script struct {
	name   string
	script *redis.Script
}

// NewScript names a script; the name appears in errors.
func NewScript(name, source string) Script {
	return Script{name: name, script: redis.NewScript(source)}
}

// Run runs the script by its hash, and sends its source where the server does
// not know it (after a restart, say).
func (s Script) Run(ctx context.Context, c redis.Scripter, keys []string, args ...any) (any, error) {
	reply, err := s.script.Run(ctx, c, keys, args...).Result()
	if err != nil {
		return nil, Fault(err, "running the script "+s.name)
	}
	return reply, nil
}
