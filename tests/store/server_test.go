package store_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/infra/local/server"
	"bazaar/infra/schema"
	"bazaar/shared/bus"
	"bazaar/shared/pg"
	"bazaar/tests/support"
)

// build builds a command of ours for the test.
func build(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	out, err := exec.Command("go", "build", "-o", path, "bazaar/infra/cmd/"+name).CombinedOutput()
	if err != nil {
		t.Fatalf("building %s: %v\n%s", name, err, out)
	}
	return path
}

// lines is a log that can be read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func startNATS(t testing.TB, log io.Writer) *server.NATS {
	t.Helper()
	n := &server.NATS{Binary: build(t, "nats"), Dir: filepath.Join(t.TempDir(), "nats"), Password: "pw", Log: log}
	if err := n.Start(deadline(t, 60*time.Second)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Kill)
	return n
}

func openBus(t testing.TB, s bus.Settings) *bus.Bus {
	t.Helper()
	b, err := bus.Open(s, "test", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close(deadline(t, 5*time.Second)) })
	return b
}

// TestNATSKeepsWhatItAcknowledged kills the server after every tenth event and
// looks for all of them at the end.
func TestNATSKeepsWhatItAcknowledged(t *testing.T) {
	t.Parallel()
	var log lines
	n := startNATS(t, &log)
	settings := bus.Settings{URL: n.URL(), User: "bazaar", Password: "pw"}
	b := openBus(t, settings)
	ctx := deadline(t, 90*time.Second)
	streams := schema.StreamSettings{QueueMaxBytes: 16 << 20, Replicas: 1}
	if _, err := schema.ApplyStreams(ctx, b.JetStream(), streams); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for i := range 10 {
			if err := b.Publish(ctx, placed(t, string(rune('a'+i)))); err != nil {
				t.Fatal(err)
			}
		}
		n.Kill()
		if err := n.Start(ctx); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the bus is connected again", func() bool { return b.Check(ctx) == nil })
	}
	if last, err := b.LastSeq(ctx, bus.QueueStream); err != nil || last < 30 {
		t.Errorf("30 events were acknowledged, the last is %d, %v", last, err)
	}
	if err := n.Stop(ctx); err != nil {
		t.Error(err)
	}
	if text := log.String(); strings.Count(text, `"msg":"ready"`) != 4 || strings.Contains(text, "pw") {
		t.Errorf("its log: %s", text)
	}
}

func TestNATSNamesABusyPort(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	n := &server.NATS{Binary: build(t, "nats"), Dir: filepath.Join(t.TempDir(), "nats"), Password: "pw",
		Port: l.Addr().(*net.TCPAddr).Port}
	err = n.Start(deadline(t, 60*time.Second))
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("it says: %v", err)
	}
}

func TestPostgresGoesOnAfterACrash(t *testing.T) {
	t.Parallel()
	settings, s := support.FreshPostgres(t)
	pool := support.OpenPostgres(t, settings)
	ctx := deadline(t, 120*time.Second)
	put(t, pool, "a", "1")
	s.Kill()
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the event is still there", func() bool {
		var n int
		return pool.QueryRow(ctx, `select count(*) from outbox.event`).Scan(&n) == nil && n == 1
	})
	if err := s.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// TestServersDieWithTheirParent runs this test binary as the parent, kills it,
// and sees its Redis go.
func TestServersDieWithTheirParent(t *testing.T) {
	t.Parallel()
	if os.Getenv("BAZAAR_TEST_PARENT") != "" {
		_, s := support.RedisServer(t)
		_, _ = os.Stdout.WriteString("redis=" + s.Addr() + "\n")
		<-s.Done()
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out lines
	parent := exec.Command(self, "-test.run=^TestServersDieWithTheirParent$")
	parent.Env = append(os.Environ(), "BAZAAR_TEST_PARENT=1")
	parent.Stdout = &out
	parent.WaitDelay = 10 * time.Second
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	addr := ""
	eventually(t, "the parent has started Redis", func() bool {
		_, after, found := strings.Cut(out.String(), "redis=")
		addr, _, _ = strings.Cut(after, "\n")
		return found && strings.Contains(after, "\n")
	})
	if conn, err := net.Dial("tcp", addr); err != nil {
		t.Fatal(err)
	} else {
		_ = conn.Close()
	}
	_ = parent.Process.Kill()
	_ = parent.Wait()
	eventually(t, "Redis is gone", func() bool {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
}

func TestMigrateCommand(t *testing.T) {
	t.Parallel()
	bin, nats := build(t, "migrate"), support.NewNATS(t, nil)
	database := support.PostgresSettings(t)
	secrets := t.TempDir()
	for name, text := range map[string]string{"postgres-password": database.Password, "nats-password": nats.Password + "\n"} {
		if err := os.WriteFile(filepath.Join(secrets, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	environ := []string{"PATH=" + os.Getenv("PATH"), "secret_mount_path=" + secrets,
		"pg_url=" + database.URL, "nats_url=" + nats.URL, "migrate_within=2s"}
	run := func(environ []string) (string, error) {
		cmd := exec.CommandContext(deadline(t, 60*time.Second), bin)
		cmd.Env = environ
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := run(environ)
	if err != nil || !strings.Contains(out, "PostgreSQL is up to date") || !strings.Contains(out, "stream QUEUE created") {
		t.Errorf("first: %v\n%s", err, out)
	}
	out, err = run(environ)
	if err != nil || out != "PostgreSQL is up to date\nthe streams are up to date\n" {
		t.Errorf("second: %v\n%s", err, out)
	}
	nats.Stop()
	out, err = run(environ)
	last := strings.Split(strings.TrimSpace(out), "\n")
	if err == nil || !strings.HasPrefix(last[len(last)-1], "migrate: no answer within 2s: connecting to NATS") {
		t.Errorf("with NATS away: %v\n%s", err, out)
	}
	out, err = run([]string{"secret_mount_path=" + t.TempDir()})
	if err == nil || !strings.Contains(out, "postgres-password") {
		t.Errorf("without secrets: %v\n%s", err, out)
	}
}

func TestManyMigrationsAtOnce(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, 120*time.Second)
	_, s := support.FreshPostgres(t)
	admin, err := pgx.Connect(ctx, s.AdminURL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close(context.Background()) }()
	if _, err := admin.Exec(ctx, "create database empty owner bazaar"); err != nil {
		t.Fatal(err)
	}
	config, err := pgx.ParseConfig(s.DatabaseURL("empty"))
	if err != nil {
		t.Fatal(err)
	}
	config.Password = s.Password
	var applied sync.Map
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			done, err := schema.ApplySQL(ctx, config)
			if err != nil {
				t.Error(err)
			}
			for _, line := range done {
				name, _, _ := strings.Cut(line, " applied")
				if _, twice := applied.LoadOrStore(name, true); twice {
					t.Errorf("twice: %s", name)
				}
			}
		})
	}
	all.Wait()
	pool := support.OpenPostgres(t, pg.Settings{URL: s.DatabaseURL("empty"), Password: s.Password, MaxConns: 1, ConnectTimeout: time.Second})
	if n := waiting(t, pool); n != 0 {
		t.Errorf("%d rows", n)
	}
}
