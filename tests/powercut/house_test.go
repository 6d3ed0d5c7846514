//go:build linux

package powercut_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"bazaar/infra/local"
	"bazaar/shared/auth"
	"bazaar/shared/pg"
	"bazaar/tests/powercut/disk"
)

const (
	// houseTimeout bounds a start, which may build every program.
	houseTimeout = 5 * time.Minute
	// goneTimeout bounds the end of killed processes.
	goneTimeout = 10 * time.Second
)

// house is the whole shop on one disk: the local runner with the functions, the
// trigger and all stores.
type house struct {
	dir     string
	root    string // of the module
	gateway string
	pool    *pg.Pool
	issuer  *auth.Issuer

	runner *exec.Cmd
	input  io.Closer
}

func newHouse(t *testing.T, d *disk.Disk) *house {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{dir: filepath.Join(d.Path, "house"), root: root}
	if err := os.Mkdir(h.dir, 0o711); err != nil { // the servers' accounts pass through it
		t.Fatal(err)
	}
	t.Cleanup(h.kill)
	h.start(t)
	return h
}

// start starts the house on what the disk has, and waits until it serves.
func (h *house) start(t *testing.T) {
	t.Helper()
	h.runner = exec.Command(program(t, "local"), "up", "--dir", h.dir, "--bin", filepath.Join(h.root, "bin", "test"),
		"--listen", "127.0.0.1:0", "--until-eof", "--no-install")
	h.runner.Dir = h.root
	h.runner.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	said := &strings.Builder{}
	h.runner.Stderr = said
	input, errIn := h.runner.StdinPipe()
	out, errOut := h.runner.StdoutPipe()
	if errIn != nil || errOut != nil {
		t.Fatal(errIn, errOut)
	}
	h.input = input
	if err := h.runner.Start(); err != nil {
		t.Fatalf("starting the runner: %v", err)
	}
	late := time.AfterFunc(houseTimeout, func() { _ = input.Close() })
	defer late.Stop()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		_ = h.runner.Wait()
		h.runner = nil
		t.Fatalf("the house does not get ready: %v: %s", err, said)
	}
	h.connect(t)
}

// connect finds out where everything is.
func (h *house) connect(t *testing.T) {
	t.Helper()
	state, err := local.ReadState(h.dir)
	if err != nil {
		t.Fatal(err)
	}
	h.gateway = state.Gateway
	secret := func(name string) []byte {
		text, err := os.ReadFile(filepath.Join(h.dir, "secrets", name))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if h.issuer, err = auth.NewIssuer(secret("token-signing-key"), "bazaar", "bazaar-api", time.Hour); err != nil {
		t.Fatal(err)
	}
	for _, part := range state.Processes {
		if part.Name == "postgres" {
			h.pool, err = pg.Open(pg.Settings{URL: part.Address, Password: string(secret("postgres-password")), MaxConns: 2,
				ConnectTimeout: 2 * time.Second}, "test", nil)
		}
	}
	if err != nil || h.pool == nil {
		t.Fatalf("opening the pool: %v", err)
	}
}

// kill ends every process of the house at once, and returns when all are gone.
func (h *house) kill() {
	if h.runner == nil {
		return
	}
	if h.pool != nil {
		h.pool.Close()
	}
	pids := freeze(h.runner.Process.Pid)
	for i := len(pids) - 1; i >= 0; i-- { // the runner last: the others' ends are no news to it
		_ = syscall.Kill(pids[i], syscall.SIGKILL)
	}
	_ = h.input.Close()
	_ = h.runner.Wait()
	h.runner = nil
	ctx, cancel := context.WithTimeout(context.Background(), goneTimeout)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for _, pid := range pids {
		for ctx.Err() == nil && alive(pid) {
			<-tick.C
		}
	}
}

// freeze stops a process and all below it, so that none notices what comes, and
// lists them.
func freeze(pid int) []int {
	_ = syscall.Kill(pid, syscall.SIGSTOP)
	pids := []int{pid}
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return pids
	}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // that thread is gone
		}
		for _, word := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(word); err == nil {
				pids = append(pids, freeze(child)...)
			}
		}
	}
	return pids
}

// alive reports whether a process still runs; a zombie holds nothing any more.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return !strings.HasPrefix(rest, "Z")
}
