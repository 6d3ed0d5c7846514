package runner_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/redis/go-redis/v9"

	"bazaar/infra/local"
	"bazaar/shared/pg"
)

// whole starts everything, with the test's function in place of the shop's.
func whole(t *testing.T, dir string, flags ...string) *runner {
	t.Helper()
	r := start(t, dir, append([]string{"up", "--dir", dir, "--bin", "bin/test", "--listen", "127.0.0.1:0", "--stack", testStack, "--no-install"}, flags...)...)
	r.ready()
	return r
}

func (r *runner) part(name string) local.Part {
	r.t.Helper()
	for _, p := range r.state().Processes {
		if p.Name == name {
			return p
		}
	}
	r.t.Fatalf("%s does not run", name)
	return local.Part{}
}

func (r *runner) secret(name string) string {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, "secrets", name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text)
}

// places are the addresses and a password that a client may have kept.
func (r *runner) places() string {
	r.t.Helper()
	places := r.secret("postgres-password")
	for _, name := range []string{"postgres", "redis", "nats", "paysim"} {
		places += " " + r.part(name).Address
	}
	return places
}

func (r *runner) postgres() *pg.Pool {
	r.t.Helper()
	pool, err := pg.Open(pg.Settings{URL: r.part("postgres").Address, Password: r.secret("postgres-password"), MaxConns: 2}, "test", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(pool.Close)
	return pool
}

func (r *runner) redis() *redis.Client {
	r.t.Helper()
	client := redis.NewClient(&redis.Options{Addr: r.part("redis").Address, Password: r.secret("redis-password")})
	r.t.Cleanup(func() { _ = client.Close() })
	return client
}

// TestTheDataIsKept goes through an ordered stop, the death of the runner, and
// its death together with PostgreSQL's, and a reset.
func TestTheDataIsKept(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	r := whole(t, dir)
	places := r.places()
	if _, err := r.postgres().Exec(t.Context(), "create table kept (round int)"); err != nil {
		t.Fatal(err)
	}
	for round, stop := range []func(){
		func() { r.signal(syscall.SIGTERM) },
		func() { r.signal(syscall.SIGKILL) },
		func() {
			r.signal(syscall.SIGSTOP) // it shall not help PostgreSQL up again
			if err := syscall.Kill(r.part("postgres").Pid, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
			r.signal(syscall.SIGKILL)
		},
	} {
		if _, err := r.postgres().Exec(t.Context(), "insert into kept values ($1)", round); err != nil {
			t.Fatal(err)
		}
		if err := r.redis().Set(t.Context(), fmt.Sprint("kept", round), "yes", 0).Err(); err != nil {
			t.Fatal(err)
		}
		before := r.pids()
		stop()
		r.wait()
		for _, pid := range before {
			eventually(t, "the end of what was started", func() bool { return gone(pid) })
		}
		r = whole(t, dir)
		var rows int
		if err := r.postgres().QueryRow(t.Context(), "select count(*) from kept").Scan(&rows); err != nil || rows != round+1 {
			t.Errorf("round %d: %d rows, %v", round, rows, err)
		}
		// Redis forgets on purpose: what comes back a little younger is not noticed.
		if err := r.redis().Get(t.Context(), fmt.Sprint("kept", round)).Err(); !errors.Is(err, redis.Nil) {
			t.Errorf("round %d: Redis came back with something: %v", round, err)
		}
		if now := r.places(); now != places {
			t.Errorf("round %d: at %s, was at %s", round, now, places)
		}
	}
	r.signal(syscall.SIGTERM)
	if code := r.wait(); code != 0 {
		t.Errorf("exit code %d: %s", code, r.err.String())
	}
	if reset := start(t, "", "reset", "--dir", dir); reset.wait() != 0 {
		t.Errorf("reset: %s", reset.err.String())
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the folder is still there")
	}
}

func TestEverythingIsThere(t *testing.T) {
	t.Parallel()
	r := whole(t, newDir(t))
	var accounts, products int
	if err := r.postgres().QueryRow(t.Context(), "select count(*) from identity.account").Scan(&accounts); err != nil || accounts < 1000 {
		t.Errorf("%d accounts, %v", accounts, err)
	}
	if err := r.postgres().QueryRow(t.Context(), "select count(*) from catalog.product").Scan(&products); err != nil || products < 100 {
		t.Errorf("%d products, %v", products, err)
	}
	conn, err := nats.Connect(r.part("nats").Address, nats.UserInfo("bazaar", r.secret("nats-password")))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := conn.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.StreamInfo("QUEUE"); err != nil {
		t.Errorf("the stream QUEUE: %v", err)
	}
	for _, v := range []string{"pg_url=" + r.part("postgres").Address, "redis_addrs=" + r.part("redis").Address,
		"nats_url=" + r.part("nats").Address, "alipay_gateway=" + r.part("paysim").Address + "/gateway.do",
		"alipay_notify_url=" + r.state().Gateway + "/function/payment-callback/alipay"} {
		if !strings.Contains(strings.Join(r.self().Environ, "\n"), v) {
			t.Errorf("%s is not in a function's environment", v)
		}
	}
	eventually(t, "the trigger is ready", func() bool { return r.part("trigger").Ready })
	for _, what := range []string{r.state().Gateway, "issue-token", "create-order", "secrets/basic-auth-password"} {
		if !strings.Contains(r.err.String(), what) {
			t.Errorf("%q is not in what it says at the end: %s", what, r.err.String())
		}
	}
	for _, secret := range []string{"postgres-password", "basic-auth-password"} {
		if strings.Contains(r.err.String(), r.secret(secret)) {
			t.Errorf("it says the secret %s", secret)
		}
	}
}

func TestAStoreThatDiesComesBack(t *testing.T) {
	t.Parallel()
	r := whole(t, newDir(t))
	pool := r.postgres()
	for _, name := range []string{"postgres", "redis", "nats"} {
		before := r.part(name).Pid
		if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, name+" is back", func() bool {
			p := r.part(name)
			return p.Ready && p.Pid != before && strings.Contains(r.err.String(), name+" is back")
		})
	}
	eventually(t, "PostgreSQL answers", func() bool { return pool.Ping(t.Context()) == nil })
}
