package connector_test

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bazaar/infra/connector"
)

// island is a network of its own, with one thread on it.
type island struct {
	t    *testing.T
	tid  int
	work chan func()
}

// newIsland makes one. Its network goes with its thread, at the end of the test.
func newIsland(t *testing.T) *island {
	t.Helper()
	i := &island{t: t, work: make(chan func())}
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // for ever: the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNET)
		i.tid = unix.Gettid()
		made <- err
		for f := range i.work {
			f()
		}
	}()
	if err := <-made; err != nil {
		t.Fatalf("making a network of its own, for which root is needed: %v", err)
	}
	t.Cleanup(func() { close(i.work) })
	return i
}

// do has f run on the island's thread. What is opened there stays of its network.
func (i *island) do(f func() error) {
	i.t.Helper()
	done := make(chan error)
	i.work <- func() { done <- f() }
	must(i.t, <-done)
}

// ip runs the command of that name, of Debian's package iproute2.
func (i *island) ip(args string) {
	i.t.Helper()
	i.do(func() error {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", args, err, out)
		}
		return nil
	})
}

// cable joins two islands and gives a listener on the first.
func cable(t *testing.T, here, there *island) net.Listener {
	t.Helper()
	here.ip(fmt.Sprintf("link add near type veth peer name far netns %d", there.tid))
	here.ip("addr add 10.99.0.1/24 dev near")
	here.ip("link set near up")
	there.ip("addr add 10.99.0.2/24 dev far")
	there.ip("link set far up")
	var l net.Listener
	here.do(func() (err error) {
		l, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp", "10.99.0.1:0")
		return err
	})
	return l
}

// over has a client dial from an island.
func (i *island) over(n *node) *wire {
	i.t.Helper()
	var c *wire
	i.do(func() error { c = plug(i.t, n.address, net.Dialer{}); return nil })
	return c
}

// TestACableIsPulled: no FIN, no reset, nothing. With something on its way the
// host's silence ends the socket; with nothing, the missing heartbeat does. Either
// way its user has gone, once, and no descriptor is left.
func TestACableIsPulled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		heartbeat time.Duration
		speaks    bool // there is something for it after the cable is pulled
		code      int
		from, to  time.Duration
	}{
		"with something on its way": {25 * time.Second, true, 1006, 19 * time.Second, 27 * time.Second}, // TCP_USER_TIMEOUT
		"with nothing":              {3 * time.Second, false, 4003, 6 * time.Second, 14 * time.Second},  // 2 heartbeats and 5 s
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			here, there := newIsland(t), newIsland(t)
			n := w.open(options{listener: cable(t, here, there), settings: func(s *connector.Settings) { s.Heartbeat = c.heartbeat }})
			other := w.open(options{})
			g := w.found("alice", "bob")
			bob := w.join(other, "bob", "d")
			bob.say(line{"t": "presence", "users": []string{"alice"}})
			bob.await("presence", "user", "alice", "online", false)
			there.over(n).shake().enter(w.token("alice", time.Hour, "s"), "d")
			bob.await("presence", "user", "alice", "online", true)
			there.ip("link set far down")
			pulled := time.Now()
			if c.speaks {
				bob.send(g, "m1")
				bob.await("sent")
			}
			closed := fmt.Sprintf(`connector_closes_total{code="%d"}`, c.code)
			for late := time.After(c.to); n.count(closed) == 0; {
				select {
				case <-late:
					t.Fatalf("%s after the cable was pulled it is still there", time.Since(pulled))
				case <-time.After(50 * time.Millisecond):
				}
			}
			if took := time.Since(pulled); took < c.from {
				t.Errorf("ended with %d after %s", c.code, took)
			}
			bob.await("presence", "user", "alice", "online", false)
			if open := n.count(`connector_sockets{state="open"}`); open != 0 {
				t.Errorf("%v sockets are open", open)
			}
		})
	}
}
