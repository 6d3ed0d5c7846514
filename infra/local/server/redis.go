package server

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis is a private Redis server. Set the fields, then Start; a stopped one may
// be started again, empty.
type Redis struct {
	Dir      string // its settings; made when missing
	Port     int    // 0 takes a free one and keeps it
	Password string
	Log      io.Writer // the server's log; may be nil

	p *process
}

// Start starts the server and returns when it answers.
func (s *Redis) Start(ctx context.Context) error {
	bin, err := FindRedis()
	if err != nil {
		return err
	}
	as, err := accountFor("redis")
	if err != nil {
		as, err = accountFor("valkey")
	}
	if err != nil {
		return fmt.Errorf("looking for Redis' account: %w", err)
	}
	if err := as.own(s.Dir); err != nil {
		return err
	}
	free := s.Port == 0
	return tryAgain(ctx, func() error { return s.startOnce(ctx, bin, as) }, func(text string) bool {
		taken := free && strings.Contains(text, "Address already in use")
		if taken {
			s.Port = 0
		}
		return taken
	})
}

func (s *Redis) startOnce(ctx context.Context, bin string, as account) error {
	if s.Port == 0 {
		port, err := freePort()
		if err != nil {
			return err
		}
		s.Port = port
	}
	file := filepath.Join(s.Dir, "redis.conf") // a file, since arguments can be seen by everyone
	if err := os.WriteFile(file, []byte(s.config()), 0o600); err != nil {
		return fmt.Errorf("writing Redis' settings: %w", err)
	}
	if err := as.give(file); err != nil {
		return err
	}
	p, err := startProcess("Redis",
		command{path: bin, args: []string{file}, dir: s.Dir, env: serverEnv(), as: as}, s.Log, syscall.SIGKILL)
	if err != nil {
		return err
	}
	client := redis.NewClient(&redis.Options{Addr: s.Addr(), Password: s.Password, MaxRetries: -1, DialTimeout: time.Second})
	defer func() { _ = client.Close() }()
	if err := p.ready(ctx, func(ctx context.Context) error { return client.Ping(ctx).Err() }); err != nil {
		p.kill()
		<-p.done
		return err
	}
	s.p = p
	return nil
}

func (s *Redis) config() string {
	lines := []string{
		"bind 127.0.0.1", "port " + strconv.Itoa(s.Port), "protected-mode yes", "daemonize no",
		"requirepass " + strconv.Quote(s.Password), "dir " + strconv.Quote(s.Dir),
		"maxmemory-policy noeviction",
		// Nothing is kept on disk, on purpose. A Redis that has forgotten all is
		// noticed, and what the queue held is waited for; one that comes back a
		// second younger than it was is not, and would take a key for a new one.
		"save \"\"", "appendonly no",
	}
	return strings.Join(lines, "\n") + "\n"
}

// Addr is host:port.
func (s *Redis) Addr() string { return "127.0.0.1:" + strconv.Itoa(s.Port) }

// Stop ends the server in order; when ctx ends first it is killed.
func (s *Redis) Stop(ctx context.Context) error {
	if s.p == nil {
		return nil
	}
	return s.p.stop(ctx, syscall.SIGTERM)
}

// Kill ends the server at once, as a crash would, and returns when it has ended.
func (s *Redis) Kill() {
	if s.p == nil {
		return
	}
	s.p.kill()
	<-s.p.done
}

// Pid is the server's process id.
func (s *Redis) Pid() int { return s.p.cmd.Process.Pid }

// Done is closed when the started server has ended, for whatever reason.
func (s *Redis) Done() <-chan struct{} { return s.p.done }
