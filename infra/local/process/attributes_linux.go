package process

import "syscall"

// attributes puts a child into its own process group, so that Ctrl-C in the
// terminal does not reach it, and lets the kernel kill it when we are gone.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
