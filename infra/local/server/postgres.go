package server

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Postgres is a private PostgreSQL server with the role and the database
// bazaar. Set the fields, then Start; a stopped one may be started again.
type Postgres struct {
	Dir      string    // its data; made when missing
	Port     int       // 0 takes a free one and keeps it
	Password string    // of the role bazaar and of the superuser postgres
	Log      io.Writer // the server's log; may be nil
	// Options are settings of postgresql.conf, name=value, above ours.
	Options []string
	// NoSync gives durability up for speed: for tests that do not cut the power.
	NoSync bool

	p *process
}

// Start makes the data when there is none, starts the server and returns when
// it answers.
func (s *Postgres) Start(ctx context.Context) error {
	bin, err := FindPostgres()
	if err != nil {
		return err
	}
	as, err := accountFor("postgres")
	if err != nil {
		return err
	}
	if err := s.initialise(ctx, bin, as); err != nil {
		return err
	}
	free := s.Port == 0
	err = tryAgain(ctx, func() error { return s.startOnce(ctx, bin, as) }, func(text string) bool {
		if free && strings.Contains(text, "could not bind") {
			s.Port = 0 // another took it
			return true
		}
		// The last processes of the server before this one hold its memory or its data.
		return strings.Contains(text, "pre-existing shared memory") || strings.Contains(text, "postmaster.pid\" already exists")
	})
	if err != nil {
		return err
	}
	return s.prepare(ctx)
}

func (s *Postgres) data() string { return filepath.Join(s.Dir, "data") }

// initialise runs initdb once. A run that was cut short leaves no data folder.
func (s *Postgres) initialise(ctx context.Context, bin string, as account) error {
	if err := as.own(s.Dir); err != nil {
		return err
	}
	if _, err := os.Stat(s.data()); err == nil {
		return nil
	}
	making := filepath.Join(s.Dir, "making")
	if err := os.RemoveAll(making); err != nil {
		return fmt.Errorf("removing an unfinished data folder: %w", err)
	}
	password := filepath.Join(s.Dir, "initial-password")
	if err := os.WriteFile(password, []byte(s.Password+"\n"), 0o600); err != nil {
		return fmt.Errorf("writing the password for initdb: %w", err)
	}
	defer func() { _ = os.Remove(password) }()
	if err := as.give(password); err != nil {
		return err
	}
	args := []string{"--pgdata=" + making, "--username=postgres", "--pwfile=" + password,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--data-checksums"}
	if s.NoSync {
		args = append(args, "--no-sync")
	}
	run := command{path: filepath.Join(bin, "initdb"), args: args, dir: s.Dir, env: serverEnv(), as: as}
	if err := runToEnd(ctx, "initdb", run); err != nil {
		return err
	}
	if err := os.Rename(making, s.data()); err != nil {
		return fmt.Errorf("putting the data folder in place: %w", err)
	}
	return nil
}

func (s *Postgres) startOnce(ctx context.Context, bin string, as account) error {
	if s.Port == 0 {
		port, err := freePort()
		if err != nil {
			return err
		}
		s.Port = port
	}
	options := []string{
		"listen_addresses=127.0.0.1", "port=" + strconv.Itoa(s.Port),
		"unix_socket_directories=", // loopback only: no socket elsewhere, no limit on the length of Dir
		"max_connections=200", "password_encryption=scram-sha-256", "logging_collector=off", "timezone=UTC",
		// What keys at random touch stays in memory, and a busy hour does not make
		// a checkpoint follow the other, after which each page is logged whole.
		"shared_buffers=512MB", "max_wal_size=4GB",
	}
	if s.NoSync {
		options = append(options, "fsync=off", "full_page_writes=off", "autovacuum_naptime=10min")
	}
	args := []string{"-D", s.data()}
	for _, o := range append(options, s.Options...) {
		args = append(args, "-c", o)
	}
	death := syscall.SIGINT // fast and clean
	if s.NoSync {
		death = syscall.SIGQUIT // at once
	}
	p, err := startProcess("PostgreSQL",
		command{path: filepath.Join(bin, "postgres"), args: args, dir: s.Dir, env: serverEnv(), as: as}, s.Log, death)
	if err != nil {
		return err
	}
	if err := p.ready(ctx, s.ping); err != nil {
		p.killTree()
		<-p.done
		return err
	}
	s.p = p
	return nil
}

func (s *Postgres) ping(ctx context.Context) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

func (s *Postgres) connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return pgx.Connect(ctx, s.AdminURL())
}

// prepare makes the role and the database bazaar when they are missing.
func (s *Postgres) prepare(ctx context.Context) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return fmt.Errorf("connecting to the new PostgreSQL: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var role, database bool
	err = conn.QueryRow(ctx, `select exists (select from pg_roles where rolname = 'bazaar'),
		exists (select from pg_database where datname = 'bazaar')`).Scan(&role, &database)
	if err == nil && !role {
		// A statement that defines a role takes no parameters.
		_, err = conn.Exec(ctx, "create role bazaar login password '"+strings.ReplaceAll(s.Password, "'", "''")+"'")
	}
	if err == nil && !database {
		_, err = conn.Exec(ctx, "create database bazaar owner bazaar")
	}
	if err != nil {
		return fmt.Errorf("making the role and the database bazaar: %w", err)
	}
	return nil
}

// URL is the address of the database bazaar for its role, without the password.
func (s *Postgres) URL() string { return s.url("bazaar", "bazaar", "") }

// AdminURL is the address for the superuser, with the password.
func (s *Postgres) AdminURL() string { return s.url("postgres", "postgres", s.Password) }

// DatabaseURL is the address of another database for the role bazaar, without the password.
func (s *Postgres) DatabaseURL(name string) string { return s.url("bazaar", name, "") }

func (s *Postgres) url(role, database, password string) string {
	u := url.URL{Scheme: "postgres", User: url.User(role), Host: "127.0.0.1:" + strconv.Itoa(s.Port),
		Path: database, RawQuery: "sslmode=disable"}
	if password != "" {
		u.User = url.UserPassword(role, password)
	}
	return u.String()
}

// Stop ends the server in order: open transactions are rolled back. When ctx
// ends first it is killed, which loses nothing that was committed.
func (s *Postgres) Stop(ctx context.Context) error {
	if s.p == nil {
		return nil
	}
	return s.p.stop(ctx, syscall.SIGINT)
}

// Kill ends the server and all its processes at once, as a crash would, and
// returns when it has ended.
func (s *Postgres) Kill() {
	if s.p == nil {
		return
	}
	s.p.killTree()
	<-s.p.done
}

// Pid is the server's process id, its group's too.
func (s *Postgres) Pid() int { return s.p.cmd.Process.Pid }

// Done is closed when the started server has ended, for whatever reason.
func (s *Postgres) Done() <-chan struct{} { return s.p.done }

// serverEnv is a small environment: nothing of ours, no PG* variable, leaks in.
func serverEnv() []string {
	return []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", "HOME=/"}
}
