package fault_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"bazaar/infra/local"
)

// kill ends every process of a part as kill -9 does. One that is just being
// started again is waited for: a kill that hits nobody is no fault.
func (h *house) kill(ctx context.Context, name string) error {
	running := func() bool {
		state, err := h.State()
		if err != nil {
			return false // it is being written
		}
		found := 0
		for _, p := range state.Processes {
			if p.Name == name && (p.Pid == 0 || !alive(p)) {
				return false
			}
			if p.Name == name {
				found++
			}
		}
		return found > 0
	}
	if !within(patience, func() bool { return running() || ctx.Err() != nil }) {
		return fmt.Errorf("killing %s: it does not run", name)
	}
	return h.signal(name, syscall.SIGKILL)
}

// deaths counts what the runner has told since it had said so much: how often a
// process of the part ended, or of any part when name is empty.
func (h *house) deaths(since int, name string) int {
	if name == "" {
		name = `[a-z-]+`
	}
	told := regexp.MustCompile(`(?m)^\S+ ` + name + `(-\d+)? (died \(|ended by itself)`)
	return len(told.FindAllString(h.Said()[since:], -1))
}

// signal sends a signal to the processes of a part, and to PostgreSQL's own
// children too: they are what clients talk to.
func (h *house) signal(name string, s syscall.Signal) error {
	state, err := h.State()
	if err != nil {
		return err
	}
	known := false
	for _, p := range state.Processes {
		known = known || p.Name == name
		if p.Name != name || p.Pid == 0 { // of pid 0 is what is just being started again
			continue
		}
		children, after := []int(nil), s
		if name == "postgres" && s == syscall.SIGKILL {
			// They end by themselves, unless they are paused: then nothing can start in their place.
			children, after = childrenOf(p.Pid), syscall.SIGCONT
		}
		if err := tell(p.Pid, s); err != nil {
			return fmt.Errorf("sending %s to %s: %w", s, p.Instance, err)
		}
		if name == "postgres" && s != syscall.SIGKILL {
			children = childrenOf(p.Pid) // it can have no more of them now
		}
		for _, child := range children {
			if err := tell(child, after); err != nil {
				return fmt.Errorf("sending %s to a child of %s: %w", after, p.Instance, err)
			}
		}
	}
	if !known {
		return fmt.Errorf("sending %s: there is no %s", s, name)
	}
	return nil
}

// tell sends a signal to a process that may have ended.
func tell(pid int, s syscall.Signal) error {
	if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// childrenOf reads /proc for the children of a process.
func childrenOf(pid int) []int {
	var children []int
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		_, after, _ := strings.Cut(string(text), ") ")
		var state string
		var parent, child int
		if _, err := fmt.Sscan(after, &state, &parent); err != nil || parent != pid {
			continue
		}
		if _, err := fmt.Sscan(filepath.Base(filepath.Dir(file)), &child); err == nil {
			children = append(children, child)
		}
	}
	return children
}

// heal undoes every fault and waits until every part answers again.
func (h *house) heal(t testing.TB) {
	t.Helper()
	if err := h.disarm(); err != nil {
		t.Error(err)
	}
	for l := range h.network.proxies {
		if err := h.network.calm(context.Background(), l); err != nil {
			t.Error(err)
		}
	}
	state, err := h.State()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range state.Processes {
		if err := h.signal(p.Name, syscall.SIGCONT); err != nil {
			t.Error(err)
		}
	}
	h.ready(t)
}

// ready waits until every part answers.
func (h *house) ready(t testing.TB) {
	t.Helper()
	var waiting string
	eventually(t, "every part to answer", func() bool {
		state, err := h.State()
		if err != nil {
			return false // it is being written
		}
		waiting = ""
		for _, p := range state.Processes {
			if !p.Ready || p.Pid == 0 || !alive(p) {
				waiting = p.Instance
			}
		}
		return waiting == ""
	})
}

// alive asks the kernel: a process that has just died may still count as ready.
func alive(p local.Part) bool { return syscall.Kill(p.Pid, 0) == nil }
