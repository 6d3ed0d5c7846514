// Package leak_test runs every program of the house as it is deployed, has each
// do all that it can do, tells it to end while it does, and reads in its log
// whether a goroutine was left when it had ended. The programs are built with
// the tag leak (package shared/leak).
package leak_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"bazaar/shared/auth"
	"bazaar/tests/support"
)

// patience is how long everything may take to be as it should.
const patience = 60 * time.Second

// house is the running system and a collector that all its programs export
// their traces to.
type house struct {
	*support.System
	issuer  *auth.Issuer
	js      jetstream.JetStream
	spans   *atomic.Int64 // exports that the collector has taken
	logs    map[string]*os.File
	stopped bool
}

// open starts a house for this test.
func open(t *testing.T) *house {
	t.Helper()
	h := &house{spans: new(atomic.Int64), logs: map[string]*os.File{}}
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		h.spans.Add(1)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(collector.Close)
	t.Setenv("otel_exporter_otlp_endpoint", collector.URL) // the runner hands it on
	var err error
	if h.System, err = support.StartSystem("--tags=leak", "--paysim-clock=600", "--set", "settle-order.order_close_grace=2s",
		"--set", "reserve-stock.max_inflight=16"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.stop(); err != nil {
			t.Error(err)
		}
	})
	if h.issuer, err = h.Issuer(time.Hour); err != nil {
		t.Fatal(err)
	}
	conn, err := nats.Connect(h.NATS.URL, nats.UserInfo(h.NATS.User, h.NATS.Password), nats.MaxReconnects(-1),
		nats.ReconnectWait(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if h.js, err = jetstream.New(conn); err != nil {
		t.Fatal(err)
	}
	return h
}

// stop ends what is left of the house, once.
func (h *house) stop() error {
	if h.stopped {
		return nil
	}
	h.stopped = true
	return h.Stop()
}

// hold opens the logs: they can be read to their end when the house has gone.
func (h *house) hold(t *testing.T, programs map[string]string) {
	t.Helper()
	for name := range programs {
		file, err := os.Open(filepath.Join(h.Logs, name+".log"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = file.Close() })
		h.logs[name] = file
	}
}

// lives gives what the held logs say.
func (h *house) lives(t *testing.T, programs map[string]string) map[string]life {
	t.Helper()
	all := map[string]life{}
	for name, start := range programs {
		text, err := io.ReadAll(h.logs[name])
		if err != nil {
			t.Fatal(err)
		}
		all[name] = readLife(string(text), start)
	}
	return all
}

// signal sends a signal to the processes of a program and gives their ids.
func (h *house) signal(t *testing.T, name string, s syscall.Signal) []int {
	t.Helper()
	pids := h.Pids(t, name)
	if len(pids) == 0 {
		t.Fatalf("no process of %s runs", name)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, s); err != nil {
			t.Fatalf("sending %s to %s: %v", s, name, err)
		}
	}
	return pids
}

// replaced waits until none of the processes is there and others answer.
func (h *house) replaced(t *testing.T, name string, pids []int) {
	t.Helper()
	eventually(t, name+" to end and to be started again", func() bool {
		for _, pid := range pids {
			if !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
				return false
			}
		}
		state, err := h.State()
		if err != nil {
			return false // it is being written
		}
		for _, p := range state.Processes {
			if p.Name == name {
				return p.Ready && p.Pid != 0
			}
		}
		return false
	})
}

// inflight asks a function how many calls it has.
func (h *house) inflight(t *testing.T, function string) int {
	t.Helper()
	port := h.Parts(t, function)[0].Metrics
	status, body := send(context.Background(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/metrics", port), "", nil)
	if status != http.StatusOK {
		return 0
	}
	_, rest, _ := strings.Cut(string(body), "\nhttp_requests_in_flight ")
	number, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.Atoi(number)
	if err != nil {
		t.Fatalf("%s says that %q calls are in flight", function, number)
	}
	return n
}

// as is somebody who is signed in.
func (h *house) as(t *testing.T, user string, roles ...string) person {
	t.Helper()
	token, err := h.issuer.Issue(auth.Claims{Subject: user, SessionID: uuid.NewString(), Roles: roles, Permissions: auth.Permissions(roles)})
	if err != nil {
		t.Fatal(err)
	}
	return person{h.Gateway, token}
}

// eventually polls until true, or fails the test.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for pause := 5 * time.Millisecond; !f(); pause = min(2*pause, 250*time.Millisecond) {
		next := time.NewTimer(pause)
		select {
		case <-next.C:
		case <-deadline.C:
			next.Stop()
			t.Fatalf("waited %s for %s", patience, what)
		}
	}
}
