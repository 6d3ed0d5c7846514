package socket

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// setUserTimeout bounds how long what was sent may stay unacknowledged: a host
// that is gone without a word is noticed by what is sent to it. A peer whose
// window stays shut for so long is ended, too.
func setUserTimeout(raw syscall.RawConn, d time.Duration) error {
	return setOption(raw, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
}

// setUnsent bounds what the kernel keeps for a peer beyond what it may send now.
// Without it that is megabytes, which no queue of ours counts, which nothing can
// be left out of any more, and behind which a hint comes minutes late.
func setUnsent(raw syscall.RawConn, bytes int) error {
	return setOption(raw, unix.TCP_NOTSENT_LOWAT, bytes)
}

func setOption(raw syscall.RawConn, option, value int) error {
	var met error
	err := raw.Control(func(fd uintptr) { met = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, option, value) })
	if err != nil {
		return err
	}
	return os.NewSyscallError("setsockopt", met)
}
