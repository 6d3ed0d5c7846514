package connector_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"bazaar/tests/support"
)

// process is a connector as it is deployed: the program, by itself.
type process struct {
	*node
	cmd   *exec.Cmd
	w     *world
	asks  *http.Client // with a connection that is kept
	asked string       // where
	ended chan struct{}
	dead  bool // killed
}

// start runs the program until the test ends and waits until it lets people in.
// files is how many descriptors it may have, 0 for the usual number; environ wins
// over what a test wants.
func (w *world) start(files int, environ ...string) *process {
	w.t.Helper()
	secrets := w.t.TempDir()
	for name, content := range map[string][]byte{
		"postgres-password": []byte(w.settings.Password), "redis-password": []byte(w.store.Password),
		"nats-password": []byte(w.nats.Password), "token-keys": support.TokenKeys(w.t),
	} {
		must(w.t, os.WriteFile(filepath.Join(secrets, name), content, 0o600))
	}
	program := support.Program(w.t, "bazaar/infra/cmd/connector")
	p := &process{node: &node{}, cmd: exec.Command(program), w: w, asks: &http.Client{Timeout: patience}}
	if files > 0 {
		p.cmd = exec.Command("/bin/sh", "-c", fmt.Sprintf("ulimit -n %d && exec %s", files, program))
	}
	p.cmd.Env = append([]string{
		"listen_host=127.0.0.1", "port=0", "metrics_port=0", "secret_mount_path=" + secrets, "gateway_url=" + w.gateway.URL, "drain_spread=0s",
		"pg_url=" + w.settings.URL, "pg_max_conns=2", "redis_addrs=" + w.store.Addr(), "nats_url=" + w.nats.URL,
	}, environ...)
	out, err := p.cmd.StdoutPipe()
	must(w.t, err)
	p.cmd.Stderr = p.cmd.Stdout
	must(w.t, p.cmd.Start())
	started := make(chan [2]string, 1)
	p.ended = make(chan struct{})
	go func() {
		defer close(p.ended)
		p.listen(out, started)
	}()
	w.t.Cleanup(func() {
		p.asks.CloseIdleConnections()
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		<-p.ended
		if err := p.cmd.Wait(); err != nil && !p.dead {
			w.t.Errorf("the connector ended with %v", err)
		}
	})
	select {
	case at := <-started:
		p.address, p.asked = at[0], at[1]
	case <-p.ended:
		w.t.Fatal("the connector does not start")
	case <-time.After(patience):
		w.t.Fatal("the connector does not say that it has started")
	}
	p.metrics = func() string { _, text := p.ask("/metrics"); return text }
	await(w.t, "the process to be ready", p.ready)
	return p
}

// kill ends it as a crash does.
func (p *process) kill() {
	p.dead = true
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// listen reads its log, and finds where it serves.
func (p *process) listen(out io.Reader, started chan [2]string) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var said struct{ Msg, Level, Address, Metrics string }
		if json.Unmarshal(lines.Bytes(), &said) != nil || said.Level == "ERROR" {
			p.w.t.Logf("connector: %s", lines.Text())
		}
		if said.Msg == "started" {
			started <- [2]string{said.Address, said.Metrics}
		}
	}
}

// ask reads a page of its own.
func (p *process) ask(path string) (status int, text string) {
	p.w.t.Helper()
	res, err := p.asks.Get("http://" + p.asked + path)
	must(p.w.t, err)
	defer res.Body.Close() //nolint:errcheck // read to its end
	body, err := io.ReadAll(res.Body)
	must(p.w.t, err)
	return res.StatusCode, string(body)
}

func (p *process) ready() bool {
	status, _ := p.ask("/_/ready")
	return status == http.StatusOK
}

// memory is what the process has in memory, in MiB.
func (p *process) memory() int {
	p.w.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	must(p.w.t, err)
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	must(p.w.t, err)
	return kib >> 10
}

// count is the value of a metric, 0 for one that is not there.
func (n *node) count(name string) float64 {
	for row := range strings.SplitSeq(n.metrics(), "\n") {
		if rest, ok := strings.CutPrefix(row, name+" "); ok {
			v, _ := strconv.ParseFloat(rest, 64)
			return v
		}
	}
	return 0
}
