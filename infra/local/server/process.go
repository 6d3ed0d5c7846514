// Package server starts private PostgreSQL, Redis and NATS servers from the
// machine's own binaries, for the local runner and for tests: as child
// processes, on loopback, with their data in a folder of their own. They end
// with the process that started them, also when that one is killed (on Linux).
// It touches no installed server and knows neither schema nor streams.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a child that was started and is waited for.
type process struct {
	name string
	cmd  *exec.Cmd
	tail *tail
	done chan struct{} // closed when the child has ended
	err  error         // what ended it; read after done
}

// startProcess runs a command as run says, its output going to log and, for
// error messages, to a short memory. deathSignal is what the child gets when we die.
func startProcess(name string, run command, log io.Writer, deathSignal syscall.Signal) (*process, error) {
	p := &process{name: name, tail: &tail{}, done: make(chan struct{})}
	p.cmd = exec.Command(run.path, run.args...)
	p.cmd.Env, p.cmd.Dir = run.env, run.dir
	var out io.Writer = p.tail
	if log != nil {
		out = io.MultiWriter(p.tail, log)
	}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.WaitDelay = 2 * time.Second // grandchildren may hold the output longer
	p.cmd.SysProcAttr = childOf(deathSignal)
	p.cmd.SysProcAttr.Credential = run.as.credential()

	started := make(chan error, 1)
	go func() {
		// The death signal follows the thread that forked: it must live as long as the child.
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	return p, nil
}

// stop sends a signal and waits for the end; when ctx ends first the child and
// its group are killed.
func (p *process) stop(ctx context.Context, sig syscall.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.kill()
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		p.kill()
		<-p.done
		return fmt.Errorf("%s did not stop in time and was killed: %w", p.name, ctx.Err())
	}
}

// kill ends the child and its process group at once.
func (p *process) kill() {
	select {
	case <-p.done: // its pid may be another's by now
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	}
}

// killTree ends the child and its own children at once, also those that made
// groups of their own, as PostgreSQL's do. Where there is no /proc they end by
// themselves when they notice.
func (p *process) killTree() {
	select {
	case <-p.done:
		return
	default:
	}
	pid := p.cmd.Process.Pid
	_ = syscall.Kill(pid, syscall.SIGSTOP) // it shall start no more of them
	children := childrenOf(pid)
	p.kill()
	for _, child := range children {
		_ = syscall.Kill(child, syscall.SIGKILL)
	}
}

// ready polls probe until it succeeds, ctx ends, or the child does.
func (p *process) ready(ctx context.Context, probe func(context.Context) error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := probe(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended while starting (%w): %s", p.name, errEnded(p.err), p.tail.String())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w (last: %w)", p.name, ctx.Err(), err)
		case <-tick.C:
		}
	}
}

func errEnded(err error) error {
	if err == nil {
		return errors.New("exit 0")
	}
	return err
}

// startLimit is how long a start is tried again that an ending server stands in
// the way of: one that we were killed with a moment ago, say.
const startLimit = 10 * time.Second

// tryAgain calls start until it succeeds, its error is not one that passes, or
// the limit is reached.
func tryAgain(ctx context.Context, start func() error, passes func(text string) bool) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		err := start()
		if err == nil || !passes(err.Error()) {
			return err
		}
		timer := time.NewTimer(200 * time.Millisecond)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

// command is what to run, where and as whom.
type command struct {
	path string
	args []string
	env  []string
	dir  string
	as   account
}

// runToEnd runs a short helper (initdb) and gives its output when it fails.
func runToEnd(ctx context.Context, name string, run command) error {
	cmd := exec.CommandContext(ctx, run.path, run.args...)
	cmd.Env, cmd.Dir = run.env, run.dir
	cmd.SysProcAttr = childOf(syscall.SIGKILL)
	cmd.SysProcAttr.Credential = run.as.credential()
	runtime.LockOSThread() // see startProcess
	defer runtime.UnlockOSThread()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("running %s: %w: %s", name, err, lastLines(string(out), 5))
	}
	return nil
}

// freePort asks the system for a port on loopback. Another process may take it
// before we use it; the starters try again.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("looking for a free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// tail remembers the end of what was written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailBytes = 4096

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if over := len(t.text) - tailBytes; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return lastLines(string(t.text), 5)
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], " | ")
}
