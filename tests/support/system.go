package support

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"bazaar/infra/local"
	"bazaar/shared/auth"
	"bazaar/shared/bus"
	"bazaar/shared/pg"
	"bazaar/shared/rdb"
)

const (
	// systemStart is generous: the first start builds every program.
	systemStart = 10 * time.Minute
	systemStop  = time.Minute
)

// System is the whole house, run by infra/cmd/local as a process of its
// own on free ports: the functions of a stack file behind their gateway, real
// stores, the trigger and the simulated provider.
type System struct {
	Gateway string   // URL; functions are below /function/
	Paysim  string   // URL
	Sockets []string // URLs of the connectors, connector-1 first
	Dir     string   // the runner's folder
	Logs    string   // folder with <name>.log of every function, service and store

	Pool  *pg.Pool // of the functions' database, as their role
	Redis rdb.Settings
	NATS  bus.Settings

	process *exec.Cmd
	input   io.Closer // its end stops the runner
	ended   chan error
	said    *said
}

// sharedSystems are those of this process, by their flags.
var sharedSystems sync.Map

// SharedSystem gives the one house of this test binary with these further flags
// of `local up`. The first who asks starts it. It stops when the binary ends,
// however that ends, and its data goes with it.
func SharedSystem(t testing.TB, flags ...string) *System {
	t.Helper()
	start := sync.OnceValues(func() (*System, error) { return StartSystem(flags...) })
	once, _ := sharedSystems.LoadOrStore(strings.Join(flags, " "), start)
	s, err := once.(func() (*System, error))()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// OwnSystem starts a house for this test alone and stops it with the test.
func OwnSystem(t testing.TB, flags ...string) *System {
	t.Helper()
	s, err := StartSystem(flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("stopping the system: %v", err)
		}
	})
	return s
}

// StartSystem starts a house that the caller stops. If the caller's process
// ends first, the house stops by itself.
func StartSystem(flags ...string) (*System, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bazaar-system-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for the system: %w", err)
	}
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // the servers' accounts pass through it
		return nil, fmt.Errorf("opening the folder of the system to the servers: %w", err)
	}
	s := &System{Dir: dir, Logs: filepath.Join(dir, "log"), ended: make(chan error, 1), said: &said{}}
	if err := s.start(root, flags); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the system: %w", err), os.RemoveAll(dir))
	}
	if err := s.connect(); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// start builds and runs the runner and waits for its word.
func (s *System) start(root string, flags []string) error {
	bin := filepath.Join(root, "bin", "test")
	program := filepath.Join(s.Dir, "local")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", program)
	for _, flag := range flags {
		if flag == "--race" {
			bin += "-race"
		}
		if tags, found := strings.CutPrefix(flag, "--tags="); found {
			bin += "-" + tags
			build.Args = append(build.Args, "-tags", tags) // the runner too
		}
	}
	build.Args = append(build.Args, "./infra/cmd/local")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the runner: %w: %s", err, out)
	}
	args := append([]string{"up", "--dir", s.Dir, "--bin", bin, "--listen", "127.0.0.1:0", "--until-eof", "--forget", "--no-install"}, flags...)
	s.process = exec.Command(program, args...)
	s.process.Dir = root
	s.process.Stderr = s.said
	s.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches the tests; they stop it
	input, err := s.process.StdinPipe()
	if err != nil {
		return fmt.Errorf("making the pipe of the runner: %w", err)
	}
	s.input = input
	out, err := s.process.StdoutPipe()
	if err != nil {
		return fmt.Errorf("making the pipe of the runner: %w", err)
	}
	if err := s.process.Start(); err != nil {
		return fmt.Errorf("running the runner: %w", err)
	}
	ready := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(out)
		ready <- lines.Scan() && lines.Text() == "ready"
		_, _ = io.Copy(io.Discard, out) // until it ends
		s.ended <- s.process.Wait()
	}()
	late := time.NewTimer(systemStart)
	defer late.Stop()
	select {
	case good := <-ready:
		if good {
			return nil
		}
		return fmt.Errorf("the runner gave up (%w): %s", <-s.ended, s.said)
	case <-late.C:
		return errors.Join(fmt.Errorf("not ready within %s: %s", systemStart, s.said), s.Stop())
	}
}

// connect reads where everything is and opens the pool.
func (s *System) connect() error {
	state, err := s.State()
	if err != nil {
		return err
	}
	s.Gateway = state.Gateway
	passwords := map[string]string{}
	for _, name := range []string{"postgres", "redis", "nats"} {
		text, err := os.ReadFile(filepath.Join(s.Dir, "secrets", name+"-password"))
		if err != nil {
			return fmt.Errorf("reading a password of the system: %w", err)
		}
		passwords[name] = string(text)
	}
	for _, part := range state.Processes {
		if part.Name == "connector" {
			s.Sockets = append(s.Sockets, part.Address)
		}
		switch part.Instance {
		case "paysim":
			s.Paysim = part.Address
		case "redis":
			s.Redis = rdb.Settings{Addrs: []string{part.Address}, Password: passwords["redis"], Timeout: 5 * time.Second, MaxConns: 16}
		case "nats":
			s.NATS = bus.Settings{URL: part.Address, User: "bazaar", Password: passwords["nats"]}
		case "postgres":
			s.Pool, err = pg.Open(pg.Settings{URL: part.Address, Password: passwords["postgres"], MaxConns: 16}, "tests", nil)
			if err != nil {
				return fmt.Errorf("opening the system's database: %w", err)
			}
		}
	}
	return nil
}

// State is what runs now: pids, ports and addresses of every part.
func (s *System) State() (local.State, error) { return local.ReadState(s.Dir) }

// Parts gives what the runner knows of a function's replicas, a service or a store.
func (s *System) Parts(t testing.TB, name string) []local.Part {
	t.Helper()
	state, err := s.State()
	if err != nil {
		t.Fatal(err)
	}
	var parts []local.Part
	for _, p := range state.Processes {
		if p.Name == name {
			parts = append(parts, p)
		}
	}
	return parts
}

// Pids gives the processes of a function, service or store that run now.
func (s *System) Pids(t testing.TB, name string) []int {
	t.Helper()
	var pids []int
	for _, p := range s.Parts(t, name) {
		if p.Pid != 0 {
			pids = append(pids, p.Pid)
		}
	}
	return pids
}

// Kill ends the process of one instance, such as connector-1, as kill -9 does; the
// runner starts it again. It gives the instance as it was.
func (s *System) Kill(t testing.TB, instance string) local.Part {
	t.Helper()
	state, err := s.State()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range state.Processes {
		if p.Instance == instance && p.Pid != 0 {
			if err := syscall.Kill(p.Pid, syscall.SIGKILL); err != nil {
				t.Fatalf("killing %s: %v", instance, err)
			}
			return p
		}
	}
	t.Fatalf("killing %s: it does not run", instance)
	return local.Part{}
}

// Back reports whether an instance that was killed answers again.
func (s *System) Back(killed local.Part) bool {
	state, err := s.State()
	return err == nil && slices.ContainsFunc(state.Processes, func(p local.Part) bool {
		return p.Instance == killed.Instance && p.Ready && p.Pid != killed.Pid
	})
}

// Log gives the log of a function, service or store so far.
func (s *System) Log(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.Logs, name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Secret gives the value of a secret.
func (s *System) Secret(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.Dir, "secrets", name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// Issuer signs tokens as issue-token does, which live for ttl.
func (s *System) Issuer(ttl time.Duration) (*auth.Issuer, error) {
	signing, err := os.ReadFile(filepath.Join(s.Dir, "secrets", "token-signing-key"))
	if err != nil {
		return nil, fmt.Errorf("reading the key of tokens: %w", err)
	}
	return auth.NewIssuer(signing, "bazaar", "bazaar-api", ttl)
}

// Said is what the runner has said so far.
func (s *System) Said() string { return s.said.String() }

// Stop stops everything in order and removes all data. Its error is the
// runner's, or that it took too long and was killed with all that it started.
func (s *System) Stop() error {
	if s.Pool != nil {
		s.Pool.Close()
	}
	if err := s.input.Close(); err != nil {
		return fmt.Errorf("telling the runner to stop: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), systemStop)
	defer cancel()
	select {
	case err := <-s.ended:
		if err != nil {
			return fmt.Errorf("the runner ended with %w: %s", err, s.said)
		}
		return os.RemoveAll(s.Dir)
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("the runner did not stop within %s: %s", systemStop, s.said), s.process.Process.Kill())
	}
}

// said gathers what the runner says.
type said struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// moduleRoot is the folder of go.mod above the test.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the module: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("there is no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}
