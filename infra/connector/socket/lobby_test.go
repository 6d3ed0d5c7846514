package socket

import (
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"
)

// gone reads to the end of a connection that says nothing more.
func (c *client) gone() {
	c.t.Helper()
	if rest, err := io.ReadAll(c.r); len(rest) > 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
		c.t.Fatalf("instead of the end came %q, %v", rest, err)
	}
}

func TestTheOldestHandshakeGivesWay(t *testing.T) {
	t.Parallel()
	r := serve(t, func(s *Settings) { s.MaxHandshakes = 3; s.HandshakeTimeout = 4 * patience })
	var idle []*client
	for range 3 {
		c := r.dial(t, 0)
		c.say([]byte("GET " + testPath))
		idle = append(idle, c)
		r.present(t, len(idle))
	}
	late := r.dial(t, 0)
	idle[0].gone()
	if o := await(t, r.outcomes); o != Crowded {
		t.Errorf("who gave way counts as %s", o)
	}
	// Those who came after it are still served.
	for _, c := range []*client{idle[2], idle[1], late} {
		rest := asked()
		if c != late {
			rest = rest[len("GET "+testPath):]
		}
		c.say(rest)
		if head := c.head(); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
			t.Errorf("answered %q", head)
		}
	}
	r.present(t, 0)
}

// present waits until so many handshakes are under way.
func (r *rig) present(t *testing.T, want int) {
	t.Helper()
	l := &r.server.lobby
	poll(t, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.guests.Len() == want
	})
}

// poll waits for what nothing announces.
func poll(t testing.TB, met func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !met(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not within %v", patience)
		}
	}
}

func TestSlowHandshakesEnd(t *testing.T) {
	t.Parallel()
	r := serve(t, func(s *Settings) { s.HandshakeTimeout = 300 * time.Millisecond })
	c := r.dial(t, 0)
	silent := r.dial(t, 0)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	// A byte now and then is no reason to wait longer.
	began := time.Now()
	for i := 0; len(r.outcomes) < 2; i = (i + 1) % len(testPath) {
		c.utter([]byte(testPath[i : i+1]))
		<-tick.C
		if time.Since(began) > patience {
			t.Fatal("still waiting")
		}
	}
	for range 2 {
		if o := await(t, r.outcomes); o != Late {
			t.Errorf("counts as %s", o)
		}
	}
	if head := silent.head(); !strings.HasPrefix(head, "HTTP/1.1 408 ") {
		t.Errorf("answered %q", head)
	}
	if took := time.Since(began); took < 250*time.Millisecond {
		t.Errorf("ended after %v", took)
	}
}

// TestTheTimeOfTheHandshakeIsOver when it is done: it ends no socket.
func TestTheTimeOfTheHandshakeIsOver(t *testing.T) {
	t.Parallel()
	r := serve(t, func(s *Settings) { s.HandshakeTimeout = 200 * time.Millisecond })
	c, s := r.open(t)
	poll(t, func() bool { return time.Since(s.LastHeard()) > 300*time.Millisecond })
	if taken := s.Offer(Text([]byte("x")), Live); taken != Written {
		t.Errorf("a frame is %d", taken)
	}
	c.hears(opText, "x")
	c.say(says("y"))
	if got := await(t, r.texts); got != "y" {
		t.Errorf("heard %q", got)
	}
}

func TestNoMoreSocketsThanThereMayBe(t *testing.T) {
	t.Parallel()
	r := serve(t, func(s *Settings) { s.MaxSockets = 1 })
	first, _ := r.open(t)
	refused := func() {
		t.Helper()
		c := r.dial(t, 0)
		c.say(asked())
		if head := c.head(); !strings.HasPrefix(head, "HTTP/1.1 503 ") || !strings.Contains(head, "Retry-After: 1\r\n") {
			t.Errorf("one too many was answered %q", head)
		}
	}
	refused()
	first.say(says("still here"))
	if got := await(t, r.texts); got != "still here" {
		t.Errorf("heard %q", got)
	}
	_ = first.Close()
	await(t, r.ended)
	poll(t, func() bool { return r.server.Sockets() == 0 })
	second, _ := r.open(t)
	_ = second.Close()
	await(t, r.ended)
	poll(t, func() bool { return r.server.Sockets() == 0 })
	r.server.Admit(false)
	refused()
	r.server.Admit(true)
	r.open(t)
}

func TestTheEndOfServing(t *testing.T) {
	t.Parallel()
	r := serve(t, func(s *Settings) { s.HandshakeTimeout = 4 * patience })
	c, s := r.open(t)
	half := r.dial(t, 0)
	half.say([]byte("GET "))
	r.present(t, 1)
	r.stop()
	if err := await(t, r.done); err != nil {
		t.Errorf("serving ended with %v", err)
	}
	half.gone()
	// Who was in is still served.
	c.say(says("still here"))
	if got := await(t, r.texts); got != "still here" {
		t.Errorf("heard %q", got)
	}
	if s.Offer(Text([]byte("so am I")), Live) != Written {
		t.Error("a frame is not written")
	}
	c.hears(opText, "so am I")
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := r.server.Wait(ctx); err == nil {
		t.Error("with a socket open, waiting for none ended well")
	}
	s.Close(Restarting, "")
	c.hearsClose(Restarting)
}
