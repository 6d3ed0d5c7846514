// Package support gives tests real servers: PostgreSQL with a fresh database for
// each test, Redis, and NATS with JetStream, all private, on loopback and free
// ports, and keys and tokens to go with them. What a test asks for is started
// on first use and ends with the test, or with the test's process, however that
// ends. A missing server fails the test and names its package.
package support

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
)

// root is the folder of this process's servers.
type root struct {
	dir  string
	held io.Closer // the pipe whose end clears up; a collected one would be closed
}

// home is made once.
var home = sync.OnceValues(makeHome)

// serial tells folders and databases of one process apart.
var serial atomic.Int64

// makeHome makes the folder, and starts the shell that clears up: it waits for
// the end of our pipe, which comes even when this process is killed.
func makeHome() (root, error) {
	dir, err := os.MkdirTemp("", "bazaar-test-")
	if err != nil {
		return root{}, fmt.Errorf("making a folder for the servers of the tests: %w", err)
	}
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // the servers' accounts pass through it
		return root{}, fmt.Errorf("opening the folder of the servers to their accounts: %w", err)
	}
	const clear = `read -r _
for f in "$1"/*/data/postmaster.pid; do [ -f "$f" ] && kill -QUIT "$(head -n 1 "$f")"; done
for i in 1 2 3 4 5 6 7 8 9 10; do rm -rf "$1" && break; sleep 0.2; done`
	cleaner := exec.Command("/bin/sh", "-c", clear, "sh", dir)
	cleaner.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	held, err := cleaner.StdinPipe()
	if err != nil {
		return root{}, fmt.Errorf("making the pipe of the clearing shell: %w", err)
	}
	if err := cleaner.Start(); err != nil {
		return root{}, fmt.Errorf("starting the clearing shell: %w", err)
	}
	return root{dir: dir, held: held}, nil
}

// folder names a new folder in home; the server makes it.
func folder(name string) (string, error) {
	h, err := home()
	if err != nil {
		return "", err
	}
	return filepath.Join(h.dir, fmt.Sprintf("%s-%d", name, serial.Add(1))), nil
}
