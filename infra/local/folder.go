package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"bazaar/infra/local/server"
)

// folder is the one place of a runner. Whoever holds it is the only runner there.
type folder struct {
	path string
	lock *os.File
}

// openFolder makes the folder and takes its lock.
func openFolder(path string) (*folder, error) {
	for _, dir := range []string{path, filepath.Join(path, "log"), filepath.Join(path, "run")} {
		if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // the servers' accounts pass through it
			return nil, fmt.Errorf("cannot write to %s: %w", path, unwrapped(err))
		}
	}
	f, err := lockFolder(path)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// lockFolder takes the lock of an existing folder.
func lockFolder(path string) (*folder, error) {
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot write to %s: %w", path, unwrapped(err))
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder := make([]byte, 32)
		n, _ := lock.ReadAt(holder, 0) // it may not have written it yet
		_ = lock.Close()
		return nil, fmt.Errorf("another runner (process %s) is at work in %s: stop it, or take another folder with --dir",
			strings.TrimSpace(string(holder[:n])), path)
	}
	if err := lock.Truncate(0); err != nil {
		return nil, fmt.Errorf("writing the lock of %s: %w", path, err)
	}
	if _, err := fmt.Fprintf(lock, "%d\n", os.Getpid()); err != nil {
		return nil, fmt.Errorf("writing the lock of %s: %w", path, err)
	}
	return &folder{path: path, lock: lock}, nil
}

func (f *folder) close() error { return f.lock.Close() }

func (f *folder) join(parts ...string) string {
	return filepath.Join(append([]string{f.path}, parts...)...)
}

// data is where the data of a store goes: in the folder, or, for root, where
// the store's account can reach it.
func (f *folder) data(name, account string) (string, error) {
	if os.Geteuid() != 0 {
		return f.join(name), nil
	}
	return server.Place(f.path, name, account)
}

// Reset forgets everything that was kept in dir: data, secrets, logs. It
// refuses while a runner works there, and where nothing says that a runner ever
// did. It gives what was removed.
func Reset(dir string) ([]string, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("finding %s: %w", dir, err)
	}
	if _, err := os.Stat(filepath.Join(path, "lock")); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	f, err := lockFolder(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.close() }()
	return f.forget()
}

// forget removes the folder and what of the stores' data is elsewhere.
func (f *folder) forget() ([]string, error) {
	var removed []string
	for _, store := range []string{"postgres", "redis"} {
		data, err := f.data(store, store)
		if err != nil {
			return removed, fmt.Errorf("finding the data of %s: %w", store, err)
		}
		outside := filepath.Dir(data)
		if _, err := os.Stat(outside); err != nil || outside == f.path {
			continue
		}
		if err := os.RemoveAll(outside); err != nil {
			return removed, fmt.Errorf("removing %s: %w", outside, err)
		}
		_ = os.Remove(filepath.Dir(outside)) // when it was the last
		removed = append(removed, outside)
	}
	if err := os.RemoveAll(f.path); err != nil {
		return removed, fmt.Errorf("removing %s: %w", f.path, err)
	}
	return append(removed, f.path), nil
}

// unwrapped takes the path off an error that already stands in a sentence with it.
func unwrapped(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
