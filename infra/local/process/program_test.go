package process_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"bazaar/infra/local/process"
)

type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) Close() error { return nil }

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// shell supervises a shell script and gives what happens to it.
func shell(t *testing.T, script string, change func(*process.Program)) (<-chan process.Event, *output, context.CancelFunc) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	events, out, done := make(chan process.Event, 100), &output{}, make(chan struct{})
	p := &process.Program{
		Name: "script",
		Command: func() (process.Command, error) {
			return process.Command{Path: "/bin/sh", Args: []string{"-c", script}, Env: []string{"MINE=1"}}, nil
		},
		Out:   func() io.WriteCloser { return out },
		Watch: func(e process.Event) { events <- e },
		Grace: 5 * time.Second,
	}
	if change != nil {
		change(p)
	}
	go func() { defer close(done); p.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	return events, out, stop
}

func next(t *testing.T, events <-chan process.Event, kind process.Kind) process.Event {
	t.Helper()
	select {
	case e := <-events:
		if e.Kind != kind {
			t.Fatalf("event %+v, want %s", e, kind)
		}
		return e
	case <-time.After(10 * time.Second):
		t.Fatalf("no event, want %s", kind)
	}
	return process.Event{}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 10 s", what)
		}
		select {
		case <-t.Context().Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestAProgramIsToldToEndAndEnds(t *testing.T) {
	t.Parallel()
	events, out, stop := shell(t, `trap 'echo bye; exit 0' TERM; echo hello; while :; do sleep 0.05; done`, nil)
	pid := next(t, events, process.Started).Pid
	next(t, events, process.Ready)
	if group, err := syscall.Getpgid(pid); err != nil || group != pid {
		t.Errorf("process group %d of %d: %v", group, pid, err)
	}
	eventually(t, "the first line", func() bool { return out.String() == "hello\n" })
	stop()
	next(t, events, process.Stopped)
	if out.String() != "hello\nbye\n" {
		t.Errorf("said %q", out.String())
	}
}

func TestTheEnvironmentIsClean(t *testing.T) {
	t.Parallel()
	events, out, _ := shell(t, `env; sleep 60`, nil)
	next(t, events, process.Started)
	eventually(t, "the environment", func() bool { return strings.Contains(out.String(), "MINE=1") })
	if strings.Contains(out.String(), "HOME=") {
		t.Errorf("inherited: %s", out.String())
	}
}

func TestADeadProgramComesBackLaterAndLater(t *testing.T) {
	t.Parallel()
	events, _, _ := shell(t, `exit 3`, func(p *process.Program) {
		p.Ready = func(context.Context) error { return errors.New("never") }
	})
	var last time.Duration
	for n := 1; n <= 3; n++ {
		next(t, events, process.Started)
		e := next(t, events, process.Died)
		if e.Deaths != n || e.Pause <= last || !strings.Contains(e.Err.Error(), "exit status 3") {
			t.Errorf("death %d: %+v", n, e)
		}
		last = e.Pause
	}
}

func TestThePauseHasABound(t *testing.T) {
	t.Parallel()
	const longest = 300 * time.Millisecond
	events, _, _ := shell(t, `exit 3`, func(p *process.Program) {
		p.Ready, p.LongestPause = func(context.Context) error { return errors.New("never") }, longest
	})
	for _, pause := range []time.Duration{longest - 50*time.Millisecond, longest, longest} {
		next(t, events, process.Started)
		if e := next(t, events, process.Died); e.Pause != pause {
			t.Errorf("death %d: a pause of %s, want %s", e.Deaths, e.Pause, pause)
		}
	}
}

func TestACommandThatCannotBeMadeIsADeath(t *testing.T) {
	t.Parallel()
	events, _, _ := shell(t, "", func(p *process.Program) {
		p.Command = func() (process.Command, error) { return process.Command{}, errors.New("no port") }
	})
	if e := next(t, events, process.Died); e.Err.Error() != "no port" {
		t.Errorf("died of %v", e.Err)
	}
	events, _, _ = shell(t, "", func(p *process.Program) {
		p.Command = func() (process.Command, error) { return process.Command{Path: "/gone"}, nil }
	})
	if e := next(t, events, process.Died); !errors.Is(e.Err, os.ErrNotExist) {
		t.Errorf("died of %v", e.Err)
	}
}

func TestReadyIsToldOnceItAnswers(t *testing.T) {
	t.Parallel()
	flag := filepath.Join(t.TempDir(), "flag")
	events, _, _ := shell(t, `sleep 60`, func(p *process.Program) {
		p.Ready = func(context.Context) error { _, err := os.Stat(flag); return err }
	})
	next(t, events, process.Started)
	select {
	case e := <-events:
		t.Fatalf("%+v before it was ready", e)
	case <-time.After(100 * time.Millisecond):
	}
	if err := os.WriteFile(flag, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	next(t, events, process.Ready)
}

func TestWhoDoesNotEndIsKilledWithItsChildren(t *testing.T) {
	t.Parallel()
	events, out, stop := shell(t, `trap '' TERM; sleep 600 & echo $!; while :; do sleep 0.05; done`, func(p *process.Program) {
		p.Grace = 100 * time.Millisecond
	})
	next(t, events, process.Started)
	next(t, events, process.Ready)
	eventually(t, "the child's pid", func() bool { return strings.HasSuffix(out.String(), "\n") })
	child, err := strconv.Atoi(strings.TrimSpace(out.String()))
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if e := next(t, events, process.Stopped); e.Err == nil || !strings.Contains(e.Err.Error(), "was killed") {
		t.Errorf("ended with %v", e.Err)
	}
	eventually(t, "the child's end", func() bool { return gone(child) })
}

// gone reports whether a process has ended; one that nobody has waited for counts as ended.
func gone(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && strings.Contains(string(stat), ") Z ")
}
