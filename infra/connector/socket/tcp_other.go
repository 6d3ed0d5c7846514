//go:build !linux

package socket

import (
	"syscall"
	"time"
)

// setUserTimeout is nothing where there is no such option: what is gone without
// a word is noticed by keep-alive and by who waits for life.
func setUserTimeout(syscall.RawConn, time.Duration) error { return nil }

// setUnsent is nothing where there is no such option: the kernel keeps what it
// likes.
func setUnsent(syscall.RawConn, int) error { return nil }
