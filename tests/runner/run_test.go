// Package runner_test tries the local runner as its users meet it: as a
// program, with a small function of its own instead of the shop's.
package runner_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"bazaar/infra/local"
)

// root is the module's folder, seen from this one.
const root = "../.."

const testStack = "tests/runner/testdata/stack.yml"

// within bounds what is waited for; building may be a part of it.
const within = 3 * time.Minute

// program builds the runner once.
var program = sync.OnceValues(func() (string, error) {
	path, err := filepath.Abs(filepath.Join(root, "bin", "test", "local"))
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-buildvcs=false", "-o", path, "./infra/cmd/local")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the runner: %w: %s", err, out)
	}
	return path, nil
})

// runner is a run of the program.
type runner struct {
	t    testing.TB
	dir  string
	cmd  *exec.Cmd
	out  words
	err  words
	done chan struct{} // closed when it has ended
	code int
}

// words are what a program has said so far.
type words struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.Write(p)
}

func (w *words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}

// newDir is a folder that root's servers can reach; what is left in it is reset.
func newDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bazaar-runner-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(dir, "kept")
}

// start runs `local` with these arguments; it is ended with the test.
func start(t testing.TB, dir string, args ...string) *runner {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return startCommand(t, dir, exec.Command(path, args...))
}

func startCommand(t testing.TB, dir string, cmd *exec.Cmd) *runner {
	t.Helper()
	r := &runner{t: t, dir: dir, cmd: cmd, done: make(chan struct{})}
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = root, &r.out, &r.err
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(r.done)
		_ = r.cmd.Wait()
		r.code = r.cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() {
		r.signal(syscall.SIGTERM)
		r.wait()
	})
	return r
}

// up starts the test's function without stores and waits until it is ready.
func up(t testing.TB, dir string, flags ...string) *runner {
	t.Helper()
	r := start(t, dir, bare(dir, flags...)...)
	r.ready()
	return r
}

func bare(dir string, flags ...string) []string {
	return append([]string{"up", "--bare", "--dir", dir, "--bin", "bin/test", "--listen", "127.0.0.1:0", "--stack", testStack}, flags...)
}

func (r *runner) ready() {
	r.t.Helper()
	eventually(r.t, "ready", func() bool {
		select {
		case <-r.done:
			r.t.Fatalf("the runner ended with %d: %s", r.code, r.err.String())
		default:
		}
		return r.out.String() == "ready\n"
	})
}

func (r *runner) signal(s syscall.Signal) {
	select {
	case <-r.done:
	default:
		_ = syscall.Kill(r.cmd.Process.Pid, s)
	}
}

// wait gives the exit code.
func (r *runner) wait() int {
	r.t.Helper()
	select {
	case <-r.done:
	case <-time.After(within):
		r.signal(syscall.SIGKILL)
		r.t.Fatalf("the runner does not end: %s", r.err.String())
	}
	return r.code
}

func (r *runner) state() local.State {
	r.t.Helper()
	s, err := local.ReadState(r.dir)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// pids of everything that the runner started.
func (r *runner) pids() []int {
	r.t.Helper()
	var pids []int
	for _, p := range r.state().Processes {
		pids = append(pids, p.Pid)
	}
	return pids
}

// call calls the gateway, with the basic auth of /system.
func (r *runner) call(method, path, body string, header ...string) (int, string, http.Header) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, r.state().Gateway+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	password, err := os.ReadFile(filepath.Join(r.dir, "secrets", "basic-auth-password"))
	if err != nil {
		r.t.Fatal(err)
	}
	req.SetBasicAuth("admin", string(password))
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, string(text), res.Header
}

// self is what a replica of echo says about itself.
type self struct {
	Pid     int      `json:"pid"`
	Environ []string `json:"environ"`
	Secrets []string `json:"secrets"`
}

func (r *runner) self() self {
	r.t.Helper()
	status, text, _ := r.call(http.MethodGet, "/function/echo/self", "")
	var s self
	if err := json.Unmarshal([]byte(text), &s); err != nil || status != http.StatusOK {
		r.t.Fatalf("%d %s: %v", status, text, err)
	}
	return s
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, within)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// gone reports whether a process has ended; one that nobody has waited for has.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}
