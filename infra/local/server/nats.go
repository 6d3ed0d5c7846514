package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/nats-io/nats.go"
)

// NATS is a private NATS server with JetStream on disk: the program of
// infra/cmd/nats as a process of its own. Set the fields, then Start; a stopped
// one may be started again and goes on with its data.
type NATS struct {
	Binary   string // the built infra/cmd/nats
	Dir      string // its data; made when missing
	Port     int    // 0 takes a free one and keeps it
	Password string // of the user bazaar
	Log      io.Writer

	p *process
}

// Start starts the server and returns when it answers.
func (s *NATS) Start(ctx context.Context) error {
	var ourselves account
	if err := ourselves.own(s.Dir); err != nil {
		return err
	}
	secrets := filepath.Join(s.Dir, "secrets")
	if err := ourselves.own(secrets); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(secrets, "nats-password"), []byte(s.Password), 0o600); err != nil {
		return fmt.Errorf("writing NATS' password: %w", err)
	}
	free := s.Port == 0
	return tryAgain(ctx, func() error { return s.startOnce(ctx, secrets) }, func(text string) bool {
		taken := free && strings.Contains(text, "address already in use")
		if taken {
			s.Port = 0
		}
		return taken
	})
}

func (s *NATS) startOnce(ctx context.Context, secrets string) error {
	if s.Port == 0 {
		port, err := freePort()
		if err != nil {
			return err
		}
		s.Port = port
	}
	p, err := startProcess("NATS", command{
		path: s.Binary,
		args: []string{"--dir", filepath.Join(s.Dir, "jetstream"), "--listen", s.addr()},
		env:  append(serverEnv(), "secret_mount_path="+secrets),
	}, s.Log, syscall.SIGTERM)
	if err != nil {
		return err
	}
	if err := p.ready(ctx, s.ping); err != nil {
		p.kill()
		<-p.done
		return err
	}
	s.p = p
	return nil
}

// ping asks for the account's JetStream, which answers once it has recovered.
func (s *NATS) ping(context.Context) error {
	conn, err := nats.Connect(s.URL(), nats.UserInfo("bazaar", s.Password), nats.NoReconnect())
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := conn.JetStream()
	if err != nil {
		return err
	}
	if _, err = js.AccountInfo(); errors.Is(err, nats.ErrJetStreamNotEnabled) {
		return errors.New("JetStream is not up yet")
	}
	return err
}

func (s *NATS) addr() string { return "127.0.0.1:" + strconv.Itoa(s.Port) }

// URL is the server's address, without user and password.
func (s *NATS) URL() string { return "nats://" + s.addr() }

// Stop ends the server in order; when ctx ends first it is killed, which loses
// nothing that was acknowledged.
func (s *NATS) Stop(ctx context.Context) error {
	if s.p == nil {
		return nil
	}
	return s.p.stop(ctx, syscall.SIGTERM)
}

// Kill ends the server at once, as a crash would, and returns when it has ended.
func (s *NATS) Kill() {
	if s.p == nil {
		return
	}
	s.p.kill()
	<-s.p.done
}

// Pid is the server's process id.
func (s *NATS) Pid() int { return s.p.cmd.Process.Pid }

// Done is closed when the started server has ended, for whatever reason.
func (s *NATS) Done() <-chan struct{} { return s.p.done }
