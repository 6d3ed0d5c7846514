package support

import (
	"context"
	"testing"
	"time"

	"bazaar/infra/local/server"
	"bazaar/shared/rdb"
)

// Redis is a client of a Redis server of the test's own, empty, that it may empty again.
func Redis(t testing.TB) *rdb.Client {
	t.Helper()
	client, _ := FreshRedis(t)
	return client
}

// FreshRedis gives the server too, to be stopped, killed and started again. It
// keeps nothing: after a start it is empty.
func FreshRedis(t testing.TB) (*rdb.Client, *server.Redis) {
	t.Helper()
	settings, s := RedisServer(t)
	client, err := rdb.Open(settings)
	if err != nil {
		t.Fatalf("opening the Redis client: %v", err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client, s
}

// RedisServer starts a Redis server for the test and says how to reach it.
func RedisServer(t testing.TB) (rdb.Settings, *server.Redis) {
	t.Helper()
	dir, err := folder("redis")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	s := &server.Redis{Dir: dir, Password: password}
	if err := s.Start(ctx); err != nil {
		t.Fatalf("Redis for the tests: %v", err)
	}
	t.Cleanup(s.Kill)
	return rdb.Settings{Addrs: []string{s.Addr()}, Password: password, Timeout: 5 * time.Second, MaxConns: 64}, s
}
