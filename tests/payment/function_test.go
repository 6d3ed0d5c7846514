package payment_test

import (
	"bufio"
	"bytes"
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

	"bazaar/shared/event"
	"bazaar/shared/fn"
	"bazaar/tests/support"
)

// function is a function as a process of its own.
type function struct {
	t    *testing.T
	name string
	url  string

	mu  sync.Mutex
	log []map[string]any
}

// binaries are built once: the folder, and whether it worked.
var binaries = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "bazaar-payment-")
	if err != nil {
		return "", err
	}
	for _, name := range []string{"create-payment", "payment-callback", "settle-order"} {
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
	f := &function{t: w.t, name: name}
	process := exec.Command(filepath.Join(dir, name))
	process.Env = append([]string{
		"port=0", "metrics_port=0", "listen_host=127.0.0.1", "healthcheck_interval=0s",
		"lock_file=" + filepath.Join(w.t.TempDir(), "lock"), "secret_mount_path=" + w.secrets,
	}, w.environ...)
	out, err := process.StderrPipe()
	must(w.t, err)
	must(w.t, process.Start())
	ready, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		f.read(out, ready)
	}()
	w.t.Cleanup(func() {
		_ = process.Process.Signal(syscall.SIGTERM)
		<-ended
		if err := process.Wait(); err != nil {
			w.t.Errorf("%s ended with %v", name, err)
		}
	})
	select {
	case address := <-ready:
		f.url = "http://" + address
	case <-time.After(20 * time.Second):
		w.t.Fatalf("%s does not start", name)
	}
	return f
}

// read keeps the log and finds the line that says where the function listens.
func (f *function) read(out io.Reader, ready chan<- string) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var line map[string]any
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			f.t.Logf("%s: %s", f.name, lines.Text())
			continue
		}
		f.mu.Lock()
		f.log = append(f.log, line)
		f.mu.Unlock()
		if line["msg"] == "ready" {
			ready <- line["address"].(string)
		}
	}
}

// logged counts the lines with this level and message.
func (f *function) logged(level, msg string) int {
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

// call makes a request and gives the status and the decoded body.
func (f *function) call(method, path, user, key, body string) (int, map[string]any) {
	f.t.Helper()
	req, err := http.NewRequest(method, f.url+path, strings.NewReader(body))
	must(f.t, err)
	req.Header.Set("Authorization", "Bearer "+support.Token(f.t, user))
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	res, err := http.DefaultClient.Do(req)
	must(f.t, err)
	defer func() { _ = res.Body.Close() }()
	var out map[string]any
	must(f.t, json.NewDecoder(res.Body).Decode(&out))
	return res.StatusCode, out
}

// sweep is one tick of settle-order's clock.
func (w *world) sweep() {
	w.t.Helper()
	tick, err := event.New("cron.settle-order", "tick-"+time.Now().Format(time.RFC3339Nano), "", struct{}{})
	must(w.t, err)
	body, err := event.EncodeBatch([]event.Event{tick})
	must(w.t, err)
	req, err := http.NewRequest(http.MethodPost, w.settle.url+"/", bytes.NewReader(body))
	must(w.t, err)
	req.Header.Set("Content-Type", event.ContentType)
	req.Header.Set(fn.SignatureHeader, support.EventSigner(w.t).Sign("settle-order", time.Now(), body))
	res, err := http.DefaultClient.Do(req)
	must(w.t, err)
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	must(w.t, err)
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusNoContent || bytes.Contains(answer, []byte(`"id"`)) {
		w.t.Fatalf("the sweep answers %s %s", res.Status, answer)
	}
}
