package socket

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestOptionsOfConnections: a host that is gone is noticed, and no frame waits
// for a fuller packet.
func TestOptionsOfConnections(t *testing.T) {
	t.Parallel()
	r := serve(t, func(s *Settings) { s.UserTimeout = 17 * time.Second })
	_, s := r.open(t)
	for _, o := range []struct {
		name                string
		level, option, want int
	}{
		{"user timeout", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 17000}, {"no delay", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{"keep-alive", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1}, {"keep-alive idle", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 60},
	} {
		var got int
		var met error
		if err := s.raw.Control(func(fd uintptr) { got, met = unix.GetsockoptInt(int(fd), o.level, o.option) }); err != nil || met != nil {
			t.Fatal(err, met)
		}
		if got != o.want {
			t.Errorf("%s is %d, want %d", o.name, got, o.want)
		}
	}
}
