//go:build crash

package crash

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Point kills the process, as kill -9 does, when its turn has come: the parts of
// its name, joined by dots, are the file in crash_dir that holds how many
// passings are left. Of all processes that share the folder exactly one dies for
// one file.
func Point(name ...string) {
	due, err := due(file(name...))
	if err != nil {
		fmt.Fprintln(os.Stderr, "crash:", err)
		return
	}
	if due {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way: nothing more may happen here
	}
}

// Poison panics while there is a file in crash_dir named by the parts of name
// and id, joined by dots.
func Poison(id string, name ...string) {
	path := file(append(name, id)...)
	if path == "" {
		return
	}
	if _, err := os.Stat(path); err == nil {
		panic("poisoned by " + path)
	}
}

// file is what arms a name; empty when nothing can be armed.
func file(name ...string) string {
	dir := os.Getenv("crash_dir")
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, strings.ReplaceAll(strings.Join(name, "."), string(filepath.Separator), "_"))
}

// due counts one passing in the file, and reports whether it was the last.
func due(path string) (bool, error) {
	if path == "" {
		return false, nil
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return false, fmt.Errorf("locking %s: %w", path, err)
	}
	var text [32]byte
	n, _ := f.ReadAt(text[:], 0) // at the end of a file there is always an error
	if n == 0 {
		return false, nil // who had it before us has died of it
	}
	left, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	if err != nil {
		return false, fmt.Errorf("reading %s: %w", path, err)
	}
	if err := f.Truncate(0); err != nil {
		return false, fmt.Errorf("counting in %s: %w", path, err)
	}
	if left <= 1 {
		return true, os.Remove(path)
	}
	_, err = f.WriteAt([]byte(strconv.Itoa(left-1)), 0)
	return false, err
}
