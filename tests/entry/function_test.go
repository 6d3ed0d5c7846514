// Package entry_test tries the way into the shop at the level of functions:
// catalog, create-order and reserve-stock as processes, with a real PostgreSQL,
// Redis and NATS that the tests fill up, empty and take away.
package entry_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"bazaar/tests/support"
)

// function is a function as a process of its own.
type function struct {
	t    *testing.T
	name string
	url  string

	process *exec.Cmd
	ended   chan struct{}
	killed  bool
}

// binaries are built once: the folder, and whether it worked.
var binaries = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "bazaar-entry-")
	if err != nil {
		return "", err
	}
	for _, name := range []string{"catalog", "create-order", "reserve-stock"} {
		build := exec.Command("go", "build", "-o", dir, "bazaar/functions/"+name)
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return dir, err
		}
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, _ := binaries(); dir != "" {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// start runs a function until the test ends and waits until it listens.
func (w *world) start(name string) *function {
	w.t.Helper()
	dir, err := binaries()
	must(w.t, err)
	f := &function{t: w.t, name: name, process: exec.Command(filepath.Join(dir, name)), ended: make(chan struct{})}
	f.process.Env = append([]string{
		"port=0", "metrics_port=0", "listen_host=127.0.0.1", "healthcheck_interval=0s", "exec_timeout=15s",
		"lock_file=" + filepath.Join(w.t.TempDir(), "lock"), "secret_mount_path=" + w.secrets,
	}, w.environ...)
	out, err := f.process.StderrPipe()
	must(w.t, err)
	must(w.t, f.process.Start())
	ready := make(chan string, 1)
	go func() {
		defer close(f.ended)
		read(out, ready)
	}()
	w.t.Cleanup(f.stop)
	select {
	case address := <-ready:
		f.url = "http://" + address
	case <-time.After(20 * time.Second):
		w.t.Fatalf("%s does not start", name)
	}
	return f
}

// orders runs create-order until it lets people in: until the list of revoked
// sessions has come.
func (w *world) orders() *function {
	w.t.Helper()
	f := w.start("create-order")
	until(w.t, "create-order lets people in", func() bool { return f.order("warm", "k", "{}").status == http.StatusBadRequest })
	return f
}

// products is the same for catalog.
func (w *world) products() *function {
	w.t.Helper()
	f := w.start("catalog")
	until(w.t, "catalog lets people in", func() bool { return f.put("{}").status == http.StatusBadRequest })
	return f
}

// put puts the product tea.
func (f *function) put(body string) answer {
	f.t.Helper()
	return f.call(http.MethodPut, "/tea", support.Token(f.t, "admin", "admin"), "", body)
}

// stop ends the process in order and fails the test when it does not end well.
func (f *function) stop() {
	if f.killed {
		return
	}
	_ = f.process.Process.Signal(syscall.SIGTERM)
	<-f.ended
	if err := f.process.Wait(); err != nil {
		f.t.Errorf("%s ended with %v", f.name, err)
	}
}

// kill ends the process as a crash does.
func (f *function) kill() {
	f.killed = true
	_ = f.process.Process.Kill()
	<-f.ended
	_ = f.process.Wait()
}

// read finds the line of the log that says where the function listens.
func read(out io.Reader, ready chan<- string) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var line struct{ Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "ready" {
			ready <- line.Address
		}
	}
}

// answer is what a function answered.
type answer struct {
	status   int
	body     string
	replayed bool
	retry    string // Retry-After
	order    struct {
		OrderID string `json:"order_id"`
		Status  any    `json:"status"` // a problem's is a number
		Code    string `json:"code"`
		Total   struct {
			Amount int64 `json:"amount"`
		} `json:"total"`
	}
}

// call makes a request; a header's name and value may follow.
func (f *function) call(method, path, token, key, body string, header ...string) answer {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), method, f.url+path, strings.NewReader(body))
	must(f.t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	if len(header) == 2 {
		req.Header.Set(header[0], header[1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil { // the function was killed
		return answer{}
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}
	}
	a := answer{status: res.StatusCode, body: string(raw), replayed: res.Header.Get("Idempotent-Replayed") == "true",
		retry: res.Header.Get("Retry-After")}
	if err := json.Unmarshal(raw, &a.order); err != nil {
		f.t.Errorf("%s answered %q: %v", f.name, raw, err)
	}
	return a
}

// order places an order.
func (f *function) order(user, key, body string, header ...string) answer {
	f.t.Helper()
	return f.call(http.MethodPost, "/", support.Token(f.t, user), key, body, header...)
}

// is checks the status and the code of a problem.
func (a answer) is(t *testing.T, status int, code string) answer {
	t.Helper()
	if a.status != status || a.order.Code != code {
		t.Fatalf("got %d %s; want %d %s", a.status, a.body, status, code)
	}
	return a
}
