package local

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"bazaar/infra/local/server"
)

const (
	storeStart = 60 * time.Second // how long one may take to answer; it may have to recover
	storeStop  = 20 * time.Second // then it is killed, which loses nothing acknowledged
	storePause = time.Second      // before one that died is started again
)

// store is a private server that the runner keeps running.
type store struct {
	name string
	part Part
	of   interface {
		Start(ctx context.Context) error
		Stop(ctx context.Context) error
		Done() <-chan struct{}
		Pid() int
	}
	board  *board
	screen *screen

	stop context.CancelFunc
	done sync.WaitGroup
}

// start starts the server and keeps it running until end.
func (s *store) start(ctx context.Context) error {
	starting, cancel := context.WithTimeout(ctx, storeStart)
	defer cancel()
	if err := s.of.Start(starting); err != nil {
		return fmt.Errorf("starting %s: %w", s.name, err)
	}
	s.show(s.of.Pid(), true)
	kept, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.done.Go(func() { s.keep(kept) })
	return nil
}

// keep starts the server again when it ends by itself.
func (s *store) keep(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.of.Done():
		}
		for ctx.Err() == nil {
			s.show(0, false)
			s.screen.tell("%s ended by itself; starting it again in %s (log: %s)", s.name, storePause, "log/"+s.name+".log")
			select {
			case <-ctx.Done():
				return
			case <-time.After(storePause):
			}
			starting, cancel := context.WithTimeout(ctx, storeStart)
			err := s.of.Start(starting)
			cancel()
			if err == nil {
				s.show(s.of.Pid(), true)
				s.screen.tell("%s is back", s.name)
				break
			}
			s.screen.tell("%s does not start: %s", s.name, err)
		}
	}
}

// end stops the server in order.
func (s *store) end(ctx context.Context) error {
	if s.stop == nil {
		return nil
	}
	s.stop()
	s.done.Wait()
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeStop)
	defer cancel()
	err := s.of.Stop(stopping)
	s.board.forget(s.name)
	return err
}

func (s *store) show(pid int, ready bool) {
	s.board.change(s.name, func(p *Part) {
		*p = s.part
		p.Name, p.Instance, p.Kind, p.Pid, p.Ready = s.name, s.name, "store", pid, ready
	})
}

// stores are the three servers.
type stores struct {
	postgres *server.Postgres
	redis    *server.Redis
	nats     *server.NATS
	all      []*store // in the order in which they may be started
}

// newStores prepares the servers with the ports and passwords that they had.
func (r *runner) newStores() (*stores, error) {
	s := &stores{postgres: &server.Postgres{}, redis: &server.Redis{}, nats: &server.NATS{}}
	for _, one := range []struct {
		name, account string
		dir           *string
		port          *int
		password      *string
		log           *io.Writer
	}{
		{"postgres", "postgres", &s.postgres.Dir, &s.postgres.Port, &s.postgres.Password, &s.postgres.Log},
		{"redis", "redis", &s.redis.Dir, &s.redis.Port, &s.redis.Password, &s.redis.Log},
		{"nats", "", &s.nats.Dir, &s.nats.Port, &s.nats.Password, &s.nats.Log},
	} {
		var err error
		if *one.dir = r.folder.join(one.name); one.account != "" {
			*one.dir, err = r.folder.data(one.name, one.account)
		}
		if err == nil {
			*one.port, err = r.ports.keep(one.name)
		}
		if err == nil {
			*one.password, err = r.secrets.Read(one.name + "-password")
		}
		if err == nil {
			*one.log, err = r.logFile(one.name)
		}
		if err != nil {
			return nil, err
		}
		if filepath.Dir(*one.dir) != r.folder.path {
			r.screen.say("the data of %s is in %s: as root it runs as %s, which cannot reach %s", one.name, *one.dir, one.account, r.folder.path)
		}
	}
	s.all = []*store{
		{name: "postgres", of: s.postgres, part: Part{Port: s.postgres.Port, Address: s.postgres.URL()}},
		{name: "redis", of: s.redis, part: Part{Port: s.redis.Port, Address: s.redis.Addr()}},
		{name: "nats", of: s.nats, part: Part{Port: s.nats.Port, Address: s.nats.URL()}},
	}
	for _, one := range s.all {
		one.board, one.screen = r.board, r.screen
	}
	return s, nil
}

// clearStale removes the pid file of a PostgreSQL that was killed when nothing
// answers for it: its pid may be another program's by now, and then PostgreSQL
// refuses to start. The runner's lock says that no other runner uses the data.
func clearStale(data string) error {
	file := filepath.Join(data, "postmaster.pid")
	text, err := os.ReadFile(file)
	if err != nil {
		return nil //nolint:nilerr // there is none
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) > 3 {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strings.TrimSpace(lines[3])), time.Second)
		if err == nil {
			_ = conn.Close()
			return nil
		}
	}
	if err := os.Remove(file); err != nil {
		return fmt.Errorf("removing the pid file that a killed PostgreSQL left: %w", err)
	}
	return nil
}
