// Package fn_test holds a function served by shared/fn against a bare net/http
// handler that does the same work: it checks the same remembered token, decodes
// and encodes the same JSON. Both run as processes of their own, on one core,
// and are asked in turns by the same client, so that the machine's moods meet both.
package fn_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"bazaar/shared/auth"
	"bazaar/shared/config"
	"bazaar/shared/fn"
)

// role in the environment makes the test binary one of the two servers.
const role = "bench_role"

const (
	connections = 16
	rounds      = 10
)

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "fn":
		fn.Main("bench", assemble)
	case "bare":
		if err := bare(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	default:
		os.Exit(m.Run())
	}
}

// cart is the input of the work, receipt its output.
type cart struct {
	Lines []struct {
		SKU      string `json:"sku"`
		Quantity int64  `json:"quantity"`
	} `json:"lines"`
}

type receipt struct {
	Buyer string `json:"buyer"`
	Items int64  `json:"items"`
}

func count(buyer string, c cart) receipt {
	r := receipt{Buyer: buyer}
	for _, line := range c.Lines {
		r.Items += line.Quantity
	}
	return r
}

type settings struct{ Tokens auth.TokenSettings }

// nobody is a list of revoked sessions that is empty and fresh.
type nobody struct{}

func (nobody) Revoked(string) bool { return false }
func (nobody) Age() time.Duration  { return 0 }

func assemble(_ context.Context, _ *fn.Runtime, s *settings) (fn.Routes, error) {
	tokens, err := auth.NewVerifier(s.Tokens)
	if err != nil {
		return nil, err
	}
	step := func(_ context.Context, c fn.Call, in cart) (fn.Reply, error) {
		return fn.Reply{Body: count(c.Caller.Subject, in)}, nil
	}
	return fn.Routes{fn.User(fn.UserDoor{Tokens: tokens, Revoked: nobody{}}, "POST /{$}", fn.Step(step))}, nil
}

// bare is the same work on net/http alone, with net/http's own timeouts as the
// function has them: no deadline, no trace, no log, no metrics, no limit.
func bare() error {
	s, err := config.Load[settings](os.Environ())
	if err != nil {
		return err
	}
	tokens, err := auth.NewVerifier(s.Tokens)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{$}", func(w http.ResponseWriter, r *http.Request) {
		claims, err := tokens.Verify(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		var in cart
		if err := json.Unmarshal(body, &in, json.RejectUnknownMembers(true)); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		out, err := json.Marshal(count(claims.Subject, in), json.Deterministic(true))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(out)
	})
	server := &http.Server{
		Addr: "127.0.0.1:" + os.Getenv("port"), Handler: mux,
		ReadTimeout: 11 * time.Second, WriteTimeout: 11 * time.Second, IdleTimeout: 2 * time.Minute,
	}
	return server.ListenAndServe()
}

// BenchmarkFunction reports the throughput of a function as a ratio to that of
// the bare handler, and the same for the processor time of one call.
func BenchmarkFunction(b *testing.B) {
	dir, token := secrets(b)
	served, plain := start(b, "fn", dir), start(b, "bare", dir)
	request := []byte("POST / HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer " + token +
		"\r\nX-Call-Id: 3f2b8c1e-5a3d-4c9e-8f1a-0b6d2e7c4a91\r\nTraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" +
		"\r\nContent-Type: application/json\r\nContent-Length: 78\r\n\r\n" +
		`{"lines":[{"sku":"tea-0001","quantity":2},{"sku":"cup-0002","quantity":3}]}   `)
	for _, s := range []*server{served, plain} {
		s.ask(b, request, 2000)
		s.took, s.cpu = 0, s.used(b)
	}
	var ratios []float64
	for b.Loop() {
		for range rounds {
			before, baseline := served.took, plain.took
			served.ask(b, request, 1000)
			plain.ask(b, request, 1000)
			ratios = append(ratios, float64(plain.took-baseline)/float64(served.took-before))
		}
	}
	calls := float64(b.N * rounds * 1000)
	served.cpu, plain.cpu = served.used(b)-served.cpu, plain.used(b)-plain.cpu
	slices.Sort(ratios)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(calls/served.took.Seconds(), "fn-calls/s")
	b.ReportMetric(calls/plain.took.Seconds(), "bare-calls/s")
	b.ReportMetric(ratios[len(ratios)/2], "throughput-ratio") // the median round's
	if served.cpu > 0 {
		b.ReportMetric(float64(served.cpu.Nanoseconds())/calls, "fn-cpu-ns/call")
		b.ReportMetric(float64(plain.cpu.Nanoseconds())/calls, "bare-cpu-ns/call")
		b.ReportMetric(plain.cpu.Seconds()/served.cpu.Seconds(), "cpu-ratio")
	}
}

// secrets makes a key and a token that it signed.
func secrets(b *testing.B) (dir, token string) {
	b.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		b.Fatal(err)
	}
	issuer, err := auth.NewIssuer(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), "bazaar", "bazaar-api", time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	if token, err = issuer.Issue(auth.Claims{Subject: "alice", SessionID: "s1", Roles: []string{"buyer"}}); err != nil {
		b.Fatal(err)
	}
	dir = b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "token-keys"), auth.PublicJWKS(public), 0o600); err != nil {
		b.Fatal(err)
	}
	return dir, token
}

// server is one of the two, with what its calls have cost so far.
type server struct {
	pid   int
	conns []net.Conn
	took  time.Duration
	cpu   time.Duration // used before the measurement, then in it
}

func start(b *testing.B, as, dir string) *server {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	_, port, _ := strings.Cut(addr, ":")
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Stderr = null // a log line is a write, as it would be in production
	cmd.Env = []string{
		role + "=" + as, "GOMAXPROCS=1", "secret_mount_path=" + dir, "port=" + port, "metrics_port=0", "listen_host=127.0.0.1",
		"healthcheck_interval=0s", "lock_file=" + filepath.Join(dir, "lock"),
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	s := &server{pid: cmd.Process.Pid}
	b.Cleanup(func() {
		for _, c := range s.conns {
			_ = c.Close()
		}
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		_ = null.Close()
	})
	deadline := time.Now().Add(10 * time.Second)
	for len(s.conns) < connections {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			s.conns = append(s.conns, c)
			continue
		}
		if time.Now().After(deadline) {
			b.Fatalf("%s does not listen: %v", as, err)
		}
		pause := time.NewTimer(10 * time.Millisecond)
		<-pause.C
	}
	return s
}

// ask sends n requests over all connections and adds up the time they took.
func (s *server) ask(b *testing.B, request []byte, n int) {
	b.Helper()
	began := time.Now()
	var all sync.WaitGroup
	errs := make(chan error, connections)
	for _, c := range s.conns {
		all.Go(func() { errs <- exchange(c, request, (n+connections-1)/connections) })
	}
	all.Wait()
	scale := float64(n) / float64((n+connections-1)/connections*connections)
	s.took += time.Duration(float64(time.Since(began)) * scale)
	for range s.conns {
		if err := <-errs; err != nil {
			b.Fatal(err)
		}
	}
}

// exchange sends requests one after the other, each after the answer to the last.
func exchange(c net.Conn, request []byte, n int) error {
	in := bufio.NewReader(c)
	for range n {
		if _, err := c.Write(request); err != nil {
			return err
		}
		length, status := 0, ""
		for {
			line, err := in.ReadSlice('\n')
			if err != nil {
				return err
			}
			if status == "" {
				status = string(line)
			}
			if rest, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
				if _, err := fmt.Sscan(string(rest), &length); err != nil {
					return err
				}
			}
			if len(bytes.TrimSpace(line)) == 0 {
				break
			}
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(in, body); err != nil {
			return err
		}
		if !strings.Contains(status, " 200 ") || string(body) != `{"buyer":"alice","items":5}` {
			return fmt.Errorf("answered %s%s", status, body)
		}
	}
	return nil
}

// used is the processor time of the server so far, in clock ticks of 10 ms; 0
// where there is no /proc.
func (s *server) used(b *testing.B) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.pid))
	if err != nil {
		return 0
	}
	// The name in parentheses may hold blanks; user and system time are the 12th and 13th field after it.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var user, system int64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		b.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}
