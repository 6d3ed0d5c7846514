package server

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// rootDataDir is where the data of accounts goes that cannot reach the wanted folder.
const rootDataDir = "/var/lib/bazaar"

// account is who runs a server; the zero account is ourselves.
type account struct {
	name     string
	uid, gid int
}

// accountFor is the account that a server must run under: as root the named
// one, else ourselves.
func accountFor(name string) (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return account{}, fmt.Errorf("root needs the account %s to run this server under: %w", name, err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return account{}, fmt.Errorf("the account %s has the odd uid %s", name, u.Uid)
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return account{}, fmt.Errorf("the account %s has the odd gid %s", name, u.Gid)
	}
	return account{name: name, uid: uid, gid: gid}, nil
}

func (a account) credential() *syscall.Credential {
	if a.name == "" {
		return nil
	}
	return &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)} //nolint:gosec // ids of the system
}

// own makes dir, for a alone, and gives it to a with all that is in it.
func (a account) own(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("making the folder above %s: %w", dir, err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("making the data folder: %w", err)
	}
	if a.name == "" {
		return nil
	}
	if !a.reaches(filepath.Dir(dir)) {
		return fmt.Errorf("the account %s cannot reach %s: a folder above it is closed to others", a.name, dir)
	}
	return a.give(dir)
}

func (a account) give(path string) error {
	if a.name == "" {
		return nil
	}
	if err := os.Chown(path, a.uid, a.gid); err != nil {
		return fmt.Errorf("giving %s to %s: %w", path, a.name, err)
	}
	return nil
}

// reaches reports whether a may pass through dir and everything above it. It
// looks at the mode bits only.
func (a account) reaches(dir string) bool {
	if a.name == "" {
		return true
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return false
	}
	for {
		info, err := os.Stat(dir)
		if err == nil && info.Mode().Perm()&0o001 == 0 && !a.owns(info) {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
		dir = filepath.Dir(dir)
	}
}

func (a account) owns(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == a.uid && info.Mode().Perm()&0o100 != 0
}

// Place says where the data of the server of an account (postgres, redis) goes:
// dir/name where that account can reach it, else a folder below /var/lib/bazaar
// that belongs to dir and is found again the next time. It makes nothing.
func Place(dir, name, accountName string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("finding %s: %w", dir, err)
	}
	a, err := accountFor(accountName)
	if err != nil || a.reaches(dir) {
		return filepath.Join(dir, name), nil //nolint:nilerr // a missing account is told by Start
	}
	sum := sha256.Sum256([]byte(dir))
	return filepath.Join(rootDataDir, hex.EncodeToString(sum[:6]), name), nil
}
