package socket

import (
	"errors"
	"strings"
	"testing"
)

func TestTheBudgetOfAll(t *testing.T) {
	t.Parallel()
	r := slow(t, func(s *Settings) { s.Budget = NewBudget(300 << 10) })
	_, heavy := r.openSlow(t, 4096)
	_, middle := r.openSlow(t, 4096)
	light, last := r.openSlow(t, 4096)
	load := func(s *Socket, size int) {
		t.Helper()
		for s.held.Load() < int64(size) {
			if taken := s.Offer(numbered(0, 1000), Live); taken != Queued {
				t.Fatalf("a frame is %d", taken)
			}
		}
	}
	for _, s := range []*Socket{heavy, middle, last} {
		stuff(t, s)
	}
	load(heavy, 140<<10)
	load(middle, 100<<10)
	load(last, 56<<10)
	if most := r.server.set.Budget.most; r.server.set.Budget.Used() <= most-most/16 {
		t.Fatalf("only %d bytes are kept: there is nothing to see", r.server.set.Budget.Used())
	}
	r.server.set.Budget.relieve() // somebody else was quicker: nothing is left to do
	if len(r.ended) > 0 {
		t.Fatal("one was cut off too early")
	}
	load(last, 65<<10)
	if end := await(t, r.ended); end.socket != heavy || end.code != TooSlow || !errors.Is(end.err, errBudget) {
		t.Errorf("socket %d ended with %d, %v", end.socket.Serial(), end.code, end.err)
	}
	if used := r.server.set.Budget.Used(); used > 180<<10 || used < 140<<10 {
		t.Errorf("%d bytes are kept", used)
	}
	if len(r.ended) > 0 || middle.Offer(numbered(0, 1000), Live) != Queued {
		t.Error("more were cut off than needed")
	}
	light.hearsNumber()
}

// TestHalfMessagesCountToo: what clients begin and do not end is memory as well.
func TestHalfMessagesCountToo(t *testing.T) {
	t.Parallel()
	r := serve(t, func(s *Settings) { s.Budget = NewBudget(100 << 10); s.MessageTimeout = 4 * patience })
	half := func(size int) (*client, *Socket) {
		c, s := r.open(t)
		c.say(append(headOf(fin|opText, 64<<10), xor([]byte(strings.Repeat("x", size)))...))
		return c, s
	}
	_, heavy := half(60 << 10)
	poll(t, func() bool { return r.server.set.Budget.Used() > 60<<10 })
	light, _ := half(20 << 10)
	poll(t, func() bool { return r.server.set.Budget.Used() > 80<<10 })
	if len(r.ended) > 0 {
		t.Fatal("one was cut off too early")
	}
	half(30 << 10)
	if end := await(t, r.ended); end.socket != heavy || end.code != TooSlow || !errors.Is(end.err, errBudget) {
		t.Errorf("socket %d ended with %d, %v", end.socket.Serial(), end.code, end.err)
	}
	light.say(xor([]byte(strings.Repeat("x", 44<<10))))
	if got := await(t, r.texts); len(got) != 64<<10 {
		t.Errorf("of the other message came %d bytes", len(got))
	}
}
