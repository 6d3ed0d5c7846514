//go:build !linux

package server

import "syscall"

// childOf puts a child into a process group of its own, so that a Ctrl-C of the
// terminal does not reach it before us. Only Linux can signal it when we die.
func childOf(syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// childrenOf lists nothing here: the children end by themselves.
func childrenOf(int) []int { return nil }
