//go:build !linux

package process

import "syscall"

// attributes puts a child into its own process group, so that Ctrl-C in the
// terminal does not reach it.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
