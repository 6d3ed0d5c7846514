package support

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// functionStart is how long a function may take until it listens.
const functionStart = 20 * time.Second

// Function is one function as a process of its own, without a gateway.
type Function struct {
	Name string
	URL  string

	process *exec.Cmd
	ended   chan struct{}
	killed  bool

	mu  sync.Mutex
	log []map[string]any
}

// built are the programs of this test binary, by package.
var built sync.Map

// Program builds a main package of ours, such as bazaar/infra/cmd/connector, once
// for this test binary, without the race detector, and says where it is.
func Program(t testing.TB, pkg string) string {
	t.Helper()
	path, err := program(pkg)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func program(pkg string) (string, error) {
	build := sync.OnceValues(func() (string, error) {
		dir, err := folder("program")
		if err != nil {
			return "", err
		}
		file := filepath.Join(dir, path.Base(pkg))
		out, err := exec.Command("go", "build", "-o", file, pkg).CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("building %s: %w: %s", pkg, err, out)
		}
		return file, nil
	})
	once, _ := built.LoadOrStore(pkg, build)
	return once.(func() (string, error))()
}

// StartFunction runs a function until the test ends and waits until it listens.
// secrets is the folder of its secrets; environ wins over what a test wants.
func StartFunction(t testing.TB, name, secrets string, environ ...string) *Function {
	t.Helper()
	f := &Function{Name: name, process: exec.Command(Program(t, "bazaar/functions/"+name)), ended: make(chan struct{})}
	f.process.Env = append([]string{
		"port=0", "metrics_port=0", "listen_host=127.0.0.1", "healthcheck_interval=0s",
		"lock_file=" + filepath.Join(t.TempDir(), "lock"), "secret_mount_path=" + secrets,
	}, environ...)
	out, err := f.process.StderrPipe()
	if err == nil {
		err = f.process.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan string, 1)
	go func() {
		defer close(f.ended)
		f.read(t, out, ready)
	}()
	t.Cleanup(func() { f.stop(t) })
	late := time.NewTimer(functionStart)
	defer late.Stop()
	select {
	case address := <-ready:
		f.URL = "http://" + address
	case <-late.C:
		t.Fatalf("%s does not start", name)
	}
	return f
}

// Kill ends the process as a crash does.
func (f *Function) Kill() {
	f.killed = true
	_ = f.process.Process.Kill()
	<-f.ended
	_ = f.process.Wait()
}

// Logged counts the lines of its log with this level and message.
func (f *Function) Logged(level, msg string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, line := range f.log {
		if line["level"] == level && line["msg"] == msg {
			n++
		}
	}
	return n
}

// stop ends the process in order and fails the test when it does not end well.
func (f *Function) stop(t testing.TB) {
	if f.killed {
		return
	}
	_ = f.process.Process.Signal(syscall.SIGTERM)
	<-f.ended
	if err := f.process.Wait(); err != nil {
		t.Errorf("%s ended with %v", f.Name, err)
	}
}

// read keeps the log and finds the line that says where the function listens.
func (f *Function) read(t testing.TB, out io.Reader, ready chan<- string) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var line map[string]any
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			t.Logf("%s: %s", f.Name, lines.Text())
			continue
		}
		f.mu.Lock()
		f.log = append(f.log, line)
		f.mu.Unlock()
		if address, ok := line["address"].(string); ok && line["msg"] == "ready" {
			ready <- address
		}
	}
}
