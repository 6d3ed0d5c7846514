package server

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
)

// MissingError says that no program of a server is on this machine.
type MissingError struct {
	Server  string // PostgreSQL or Redis
	Package string // its Debian package
}

func (e *MissingError) Error() string {
	return e.Server + " is not installed: install the package " + e.Package
}

// FindPostgres gives the folder with initdb and postgres: the newest version
// where a distribution keeps several, else the one on the PATH.
func FindPostgres() (string, error) {
	var found []string
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",         // Debian, Ubuntu
		"/opt/homebrew/opt/postgresql*/bin", // macOS, Apple
		"/usr/local/opt/postgresql*/bin",    // macOS, Intel
		"/usr/pgsql-*/bin",                  // PostgreSQL's own packages for Fedora and RHEL
	} {
		matches, err := filepath.Glob(pattern)
		if err == nil {
			found = append(found, matches...)
		}
	}
	slices.SortStableFunc(found, func(a, b string) int { return cmp.Compare(versionIn(b), versionIn(a)) })
	for _, program := range []string{"initdb", "postgres"} { // Fedora's are in /usr/bin
		if path, err := exec.LookPath(program); err == nil {
			if real, err := filepath.EvalSymlinks(path); err == nil {
				path = real
			}
			found = append(found, filepath.Dir(path))
		}
	}
	for _, dir := range found {
		if runs(filepath.Join(dir, "initdb")) && runs(filepath.Join(dir, "postgres")) {
			return dir, nil
		}
	}
	return "", &MissingError{Server: "PostgreSQL", Package: "postgresql"}
}

// FindRedis gives the path of redis-server or of its heir valkey-server.
func FindRedis() (string, error) {
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
		for _, dir := range []string{"/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"} {
			if path := filepath.Join(dir, name); runs(path) {
				return path, nil
			}
		}
	}
	return "", &MissingError{Server: "Redis", Package: "redis-server"}
}

func runs(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir() && info.Mode().Perm()&0o111 != 0
}

// versionIn is the first number in a path, as in /usr/lib/postgresql/15/bin.
func versionIn(path string) int {
	start := -1
	for i, r := range path + "/" {
		digit := r >= '0' && r <= '9'
		if digit && start < 0 {
			start = i
		}
		if !digit && start >= 0 {
			n, err := strconv.Atoi(path[start:i])
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}
