package socket

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// setUserTimeout bounds how long what was sent may stay unacknowledged: a host
// that is gone without a word is noticed by what is sent to it.
func setUserTimeout(raw syscall.RawConn, d time.Duration) error {
	var met error
	err := raw.Control(func(fd uintptr) {
		met = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
	})
	if err != nil {
		return err
	}
	return os.NewSyscallError("setsockopt", met)
}
