//go:build crash

package crash_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"bazaar/shared/crash"
)

// TestPassing is the program of the tests below: it passes a point and a poison.
func TestPassing(t *testing.T) {
	if os.Getenv("crash_passing") == "" {
		return
	}
	crash.Poison("b", "poisoned")
	crash.Point("a", "point")
}

// pass runs the program and gives the signal it died of, if any.
func pass(t *testing.T, dir string) (died syscall.Signal, failed bool) {
	t.Helper()
	self := exec.Command(os.Args[0], "-test.run", "^TestPassing$")
	self.Env = append(os.Environ(), "crash_passing=1", "crash_dir="+dir)
	err := self.Run()
	status := self.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return status.Signal(), true
	}
	return 0, err != nil
}

func arm(t *testing.T, dir, name, passings string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(passings), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAPointKillsAtItsTurnAndOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	arm(t, dir, "a.point", "2\n")
	for i, want := range []syscall.Signal{0, syscall.SIGKILL, 0} {
		if died, _ := pass(t, dir); died != want {
			t.Errorf("passing %d: died of %v, want %v", i+1, died, want)
		}
	}
}

func TestOfManyOneDies(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	arm(t, dir, "a.point", "1")
	var dead atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if died, _ := pass(t, dir); died == syscall.SIGKILL {
				dead.Add(1)
			}
		})
	}
	all.Wait()
	if dead.Load() != 1 {
		t.Errorf("%d died", dead.Load())
	}
}

func TestPoisonPanicsWhileItIsThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	arm(t, dir, "poisoned.b", "")
	if died, failed := pass(t, dir); died != 0 || !failed {
		t.Errorf("died of %v, failed %v", died, failed)
	}
	if err := os.Remove(filepath.Join(dir, "poisoned.b")); err != nil {
		t.Fatal(err)
	}
	if _, failed := pass(t, dir); failed {
		t.Error("it still panics")
	}
}

func TestNothingIsArmedWithoutAFolder(t *testing.T) {
	t.Parallel()
	if died, failed := pass(t, ""); died != 0 || failed {
		t.Errorf("died of %v, failed %v", died, failed)
	}
}
