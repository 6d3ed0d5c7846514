package server

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// childOf puts a child into a process group of its own, so that a Ctrl-C of the
// terminal does not reach it before us, and has it signalled when we die.
func childOf(deathSignal syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: deathSignal}
}

// childrenOf lists the direct children of pid.
func childrenOf(pid int) []int {
	lists, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	if err != nil {
		return nil
	}
	var children []int
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue
		}
		for _, field := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				children = append(children, child)
			}
		}
	}
	return children
}
