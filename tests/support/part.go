package support

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"bazaar/infra/local"
)

// settleTime is how long everything may take to be right again, also on a machine
// that has other things to do.
const settleTime = 2 * time.Minute

// KillAll ends every process of a part as kill -9 does; part is a name, such as
// push-message, or one instance of it, such as push-message-2. One that is just
// being started again is waited for: a kill that hits nobody is no fault.
func (s *System) KillAll(ctx context.Context, part string) error {
	running := func() bool {
		state, err := s.State()
		if err != nil {
			return false // it is being written
		}
		found := 0
		for _, p := range state.Processes {
			if is(p, part) && (p.Pid == 0 || !alive(p)) {
				return false
			}
			if is(p, part) {
				found++
			}
		}
		return found > 0
	}
	if !Within(settleTime, func() bool { return running() || ctx.Err() != nil }) {
		return fmt.Errorf("killing %s: it does not run", part)
	}
	return s.Signal(part, syscall.SIGKILL)
}

func is(p local.Part, part string) bool { return p.Name == part || p.Instance == part }

// Deaths counts what the runner has told since it had said so much: how often a
// process of the part ended, or of any part when it is empty.
func (s *System) Deaths(since int, part string) int {
	if part == "" {
		part = `[a-z-]+`
	}
	told := regexp.MustCompile(`(?m)^\S+ ` + part + `(-\d+)? (died \(|ended by itself)`)
	return len(told.FindAllString(s.Said()[since:], -1))
}

// Signal sends a signal to the processes of a part, and to PostgreSQL's own
// children too: they are what clients talk to.
func (s *System) Signal(part string, sig syscall.Signal) error {
	state, err := s.State()
	if err != nil {
		return err
	}
	known := false
	for _, p := range state.Processes {
		known = known || is(p, part)
		if !is(p, part) || p.Pid == 0 { // of pid 0 is what is just being started again
			continue
		}
		children, after := []int(nil), sig
		if part == "postgres" && sig == syscall.SIGKILL {
			// They end by themselves, unless they are paused: then nothing can start in their place.
			children, after = childrenOf(p.Pid), syscall.SIGCONT
		}
		if err := signal(p.Pid, sig); err != nil {
			return fmt.Errorf("sending %s to %s: %w", sig, p.Instance, err)
		}
		if part == "postgres" && sig != syscall.SIGKILL {
			children = childrenOf(p.Pid) // it can have no more of them now
		}
		for _, child := range children {
			if err := signal(child, after); err != nil {
				return fmt.Errorf("sending %s to a child of %s: %w", after, p.Instance, err)
			}
		}
	}
	if !known {
		return fmt.Errorf("sending %s: there is no %s", sig, part)
	}
	return nil
}

// signal sends a signal to a process that may have ended.
func signal(pid int, s syscall.Signal) error {
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

// Resume lets every process go on that was paused.
func (s *System) Resume() error {
	state, err := s.State()
	if err != nil {
		return err
	}
	for _, p := range state.Processes {
		if err := s.Signal(p.Instance, syscall.SIGCONT); err != nil {
			return err
		}
	}
	return nil
}

// Recovered waits until every part answers. Its error names one that does not.
func (s *System) Recovered() error {
	waiting := "the first word of the runner"
	if Within(settleTime, func() bool {
		state, err := s.State()
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
	}) {
		return nil
	}
	return fmt.Errorf("waited %s for %s", settleTime, waiting)
}

// alive asks the kernel: a process that has just died may still count as ready.
func alive(p local.Part) bool { return syscall.Kill(p.Pid, 0) == nil }

// Within polls until true, or until the time is over.
func Within(atMost time.Duration, f func() bool) bool {
	deadline := time.NewTimer(atMost)
	defer deadline.Stop()
	for pause := 5 * time.Millisecond; !f(); pause = min(2*pause, 250*time.Millisecond) {
		next := time.NewTimer(pause)
		select {
		case <-next.C:
		case <-deadline.C:
			next.Stop()
			return false
		}
	}
	return true
}
