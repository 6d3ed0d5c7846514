// Package secret owns the secrets of the local runner: one folder with a file
// for each, made once and then kept, and for every function a folder of its own
// that holds what stack.yml gives it and nothing more. It prints no value.
package secret

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"
)

// User is the name that goes with the secret basic-auth-password.
const User = "admin"

// Folder holds the secrets; only our account may read it.
type Folder struct {
	dir string // the secrets
	own string // a folder for each function

	mounting sync.Mutex // replicas of a function share its folder
}

// Open opens the folder below dir and makes every secret that is missing.
func Open(dir string) (*Folder, error) {
	f := &Folder{dir: filepath.Join(dir, "secrets"), own: filepath.Join(dir, "mounts")}
	for _, d := range []string{f.dir, f.own} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("making the folder of the secrets: %w", err)
		}
	}
	for _, name := range passwords() {
		if err := f.ensure(name, newPassword); err != nil {
			return nil, err
		}
	}
	if err := f.ensure("basic-auth-user", func() ([]byte, error) { return []byte(User), nil }); err != nil {
		return nil, err
	}
	for _, p := range pairs() {
		if err := f.ensurePair(p); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// Path is where the file of a secret is, whether it exists or not.
func (f *Folder) Path(name string) string { return filepath.Join(f.dir, name) }

// Read gives the value of a secret.
func (f *Folder) Read(name string) (string, error) {
	value, err := os.ReadFile(f.Path(name))
	if err != nil {
		return "", fmt.Errorf("reading a secret: %w", err)
	}
	return string(value), nil
}

// Names lists the secrets by name.
func (f *Folder) Names() ([]string, error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, fmt.Errorf("listing the secrets: %w", err)
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}

// validName is what OpenFaaS accepts as a secret's name, but for the longest: with
// ".part" behind it, it must be one of a file.
const validName = `^[a-z0-9]([-a-z0-9.]{0,246}[a-z0-9])?$`

// ErrName says that a secret cannot have this name.
var ErrName = errors.New("a secret's name holds lower-case letters, digits, dots and dashes")

// Put stores a secret. A function that mounts it sees the new value when it starts again.
func (f *Folder) Put(name string, value []byte) error {
	if ok, _ := regexp.MatchString(validName, name); !ok {
		return ErrName
	}
	return write(f.Path(name), value)
}

// Remove forgets a secret; one that does not exist is fs.ErrNotExist.
func (f *Folder) Remove(name string) error {
	if ok, _ := regexp.MatchString(validName, name); !ok {
		return fs.ErrNotExist
	}
	if err := os.Remove(f.Path(name)); err != nil {
		return fmt.Errorf("removing a secret: %w", err)
	}
	return nil
}

// Mount fills the folder of a function with the named secrets, and takes out
// what else is there. It gives the folder's path.
func (f *Folder) Mount(function string, names []string) (string, error) {
	f.mounting.Lock()
	defer f.mounting.Unlock()
	dir, err := filepath.Abs(filepath.Join(f.own, function))
	if err != nil {
		return "", fmt.Errorf("finding the secrets of %s: %w", function, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("making the secrets of %s: %w", function, err)
	}
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
		value, err := os.ReadFile(f.Path(name))
		if errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("function %s wants the secret %s, which does not exist: write it to %s", function, name, f.Path(name))
		}
		if err != nil {
			return "", fmt.Errorf("reading a secret of %s: %w", function, err)
		}
		if err := write(filepath.Join(dir, name), value); err != nil {
			return "", err
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("listing the secrets of %s: %w", function, err)
	}
	for _, e := range entries {
		if !wanted[e.Name()] {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return "", fmt.Errorf("removing a secret of %s: %w", function, err)
			}
		}
	}
	return dir, nil
}

func (f *Folder) ensurePair(p pair) error {
	if err := f.ensure(p.private, p.make); err != nil {
		return err
	}
	for name, derive := range p.derived {
		err := f.ensure(name, func() ([]byte, error) {
			private, err := os.ReadFile(f.Path(p.private))
			if err != nil {
				return nil, err
			}
			return derive(private)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// ensure makes a secret unless it exists.
func (f *Folder) ensure(name string, value func() ([]byte, error)) error {
	if info, err := os.Stat(f.Path(name)); err == nil && info.Size() > 0 {
		return nil
	}
	v, err := value()
	if err != nil {
		return fmt.Errorf("making the secret %s: %w", name, err)
	}
	return write(f.Path(name), v)
}

// write replaces a file whole, so that a run that is cut short leaves no half of
// a key, and syncs it: the stores' data, which is synced, is worth nothing without.
func write(path string, value []byte) error {
	part := path + ".part"
	f, err := os.OpenFile(part, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("writing a secret: %w", err)
	}
	_, err = f.Write(value)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing a secret: %w", err)
	}
	if err := os.Rename(part, path); err != nil {
		return fmt.Errorf("putting a secret in place: %w", err)
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("opening the folder of a secret: %w", err)
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
		return fmt.Errorf("putting a secret in place for good: %w", err)
	}
	return nil
}
