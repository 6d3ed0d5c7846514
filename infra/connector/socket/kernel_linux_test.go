package socket

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestTheKernelKeepsLittle of what a peer does not read: on a path with large
// packets it would take megabytes before anything is queued here, and nothing
// could be left out of them.
func TestTheKernelKeepsLittle(t *testing.T) {
	t.Parallel()
	r := serve(t, func(s *Settings) { s.WriteTimeout = 4 * patience })
	_, s := r.open(t)
	offered := 0
	for s.Offer(numbered(0, 1000), Live) != Refused {
		if offered += 1004; offered > 512<<10 {
			t.Fatalf("%d KiB were taken for a peer that reads nothing, %d of them wait here", offered>>10, s.held.Load()>>10)
		}
	}
	t.Logf("%d KiB were taken, %d of them wait here", offered>>10, s.held.Load()>>10)
}

// openNarrow opens a socket on a path with small packets to a peer whose kernel
// keeps little, so that its window opens every few thousand bytes that it reads.
func (r *rig) openNarrow(t *testing.T) (*client, *Socket) {
	t.Helper()
	return r.greet(t, r.dialBy(t, net.Dialer{Timeout: patience, Control: func(_, _ string, c syscall.RawConn) error {
		return errors.Join(option(c, syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096), option(c, syscall.IPPROTO_TCP, unix.TCP_MAXSEG, 536))
	}}))
}

// TestWhoReadsLittleStays: the kernel has room for a little long before it says so.
func TestWhoReadsLittleStays(t *testing.T) {
	t.Parallel()
	const limit = time.Second
	r := serve(t, func(s *Settings) { s.WriteTimeout, s.UnsentBytes = limit, 1<<20 })
	r.onOpen = func(s *Socket) { _ = s.conn.SetWriteBuffer(200 << 10) } // of which a third must be free before it says so
	c, s := r.openNarrow(t)
	for s.waiting() < 150 {
		if taken := s.Offer(numbered(0, 1000), Live); taken > Queued {
			t.Fatalf("a frame is %d", taken)
		}
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < 3*limit; <-tick.C {
		if _, err := io.CopyN(io.Discard, c.r, 300); err != nil || len(r.ended) > 0 {
			t.Fatalf("cut off after %s: %v", time.Since(began), err)
		}
	}
	// Who stops altogether is cut off.
	began := time.Now()
	if end := await(t, r.ended); end.code != TooSlow || !errors.Is(end.err, errStuck) {
		t.Errorf("ended with %d, %v", end.code, end.err)
	}
	if took := time.Since(began); took > 4*limit {
		t.Errorf("it took %s", took)
	}
}
