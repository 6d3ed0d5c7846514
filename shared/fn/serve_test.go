package fn

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// probe is what the function under test is told from outside.
type probeSettings struct {
	Word  string `env:"word" envDefault:"hello"`
	Token string `secret:"probe-token"`
}

func assembleProbe(_ context.Context, run *Runtime, s *probeSettings) (Routes, error) {
	if s.Word == "refuse" {
		return nil, errors.New("the word is refuse")
	}
	return Routes{
		Public("GET /{$}", Step(func(context.Context, Call, None) (Reply, error) { return Reply{Body: s.Word}, nil })),
		Public("GET /slow", Step(func(ctx context.Context, _ Call, _ None) (Reply, error) {
			run.Log.InfoContext(ctx, "slow began")
			rest := time.NewTimer(300 * time.Millisecond)
			defer rest.Stop()
			select {
			case <-rest.C:
				return Reply{Body: "rested"}, nil
			case <-ctx.Done():
				return Reply{}, ctx.Err()
			}
		})),
	}, nil
}

// environment is a mounted secret, free ports and a lock file of one's own.
func environment(t *testing.T, more ...string) (environ []string, lock string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "probe-token"), []byte("t"), 0o600); err != nil {
		t.Fatal(err)
	}
	lock = filepath.Join(dir, "lock")
	return append([]string{
		"secret_mount_path=" + dir, "lock_file=" + lock, "listen_host=127.0.0.1", "port=0", "metrics_port=0", "healthcheck_interval=50ms",
	}, more...), lock
}

// process is a run of Main without the process.
type process struct {
	addresses
	lock string
	log  *journal
	stop context.CancelFunc
	end  chan error
}

func start[S any](t *testing.T, assemble Assemble[S], more ...string) *process {
	t.Helper()
	environ, lock := environment(t, more...)
	stop, cancel := context.WithCancel(context.Background())
	p := &process{lock: lock, log: &journal{}, stop: cancel, end: make(chan error, 1)}
	started := make(chan addresses, 1)
	go func() { p.end <- run(stop, "probe", environ, p.log, assemble, func(a addresses) { started <- a }) }()
	t.Cleanup(func() { cancel(); http.DefaultClient.CloseIdleConnections() })
	select {
	case p.addresses = <-started:
	case err := <-p.end:
		t.Fatalf("did not start: %v", err)
	}
	return p
}

func (p *process) ended(t *testing.T) error {
	t.Helper()
	select {
	case err := <-p.end:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("the function did not end")
		return nil
	}
}

func fetch(t *testing.T, url string) *answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, res)
}

func TestAFunctionServesAndDrains(t *testing.T) {
	t.Parallel()
	var order []string
	var loopEnded atomic.Bool
	p := start(t, func(ctx context.Context, run *Runtime, s *probeSettings) (Routes, error) {
		run.OnStop("first", func(context.Context) error { order = append(order, "first"); return nil })
		run.OnStop("second", func(context.Context) error { order = append(order, "second"); return errors.New("stuck") })
		run.Go("loop", func(ctx context.Context) { <-ctx.Done(); loopEnded.Store(true) })
		run.Report("store", func(context.Context) error { return nil })
		return assembleProbe(ctx, run, s)
	}, "word=moin", "healthcheck_interval=300ms")
	base := "http://" + p.calls
	if a := fetch(t, base); a.text != `"moin"` {
		t.Errorf("%s", a.text)
	}
	for _, path := range []string{"/_/health", "/_/ready"} {
		fetch(t, base+path).want(t, 200, "", "")
	}
	for _, want := range []string{"http_request_duration_seconds_count", "go_goroutines", `store_up{store="store"} 1`, "http_requests_in_flight"} {
		if a := fetch(t, "http://"+p.metrics+"/metrics"); !strings.Contains(a.text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if a := fetch(t, base+"/metrics"); a.StatusCode != 404 {
		t.Errorf("metrics are on the port of calls: %d", a.StatusCode)
	}
	if _, err := os.Stat(p.lock); err != nil {
		t.Error(err)
	}

	p.stop()
	slow := make(chan *answer, 1)
	waitFor(t, "draining", func() bool { return len(p.log.lines(t, "draining")) == 1 })
	if _, err := os.Stat(p.lock); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the lock file of a draining function: %v", err)
	}
	// While it waits it is not ready, and still takes calls.
	for _, path := range []string{"/_/health", "/_/ready"} {
		a := fetch(t, base+path)
		a.want(t, 503, "", "")
		if !a.Close {
			t.Error("a draining function keeps its connections")
		}
	}
	go func() { slow <- fetch(t, base+"/slow") }()
	if a := <-slow; a.text != `"rested"` {
		t.Errorf("a call that ran was cut off: %s", a.text)
	}
	if err := p.ended(t); err != nil {
		t.Errorf("ended with %v", err)
	}
	if !loopEnded.Load() || len(order) != 2 || order[0] != "second" {
		t.Errorf("loop ended %t, stopped %v", loopEnded.Load(), order)
	}
	if _, err := http.Get(base); err == nil {
		t.Error("it still listens")
	}
}

// waitFor polls until what is so.
func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not happen", what)
		}
		tick := time.NewTimer(5 * time.Millisecond)
		<-tick.C
	}
}

func TestCallsThatDoNotEndAreCutOff(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	p := start(t, func(_ context.Context, run *Runtime, _ *probeSettings) (Routes, error) {
		return Routes{Public("GET /{$}", Step(func(ctx context.Context, _ Call, _ None) (Reply, error) {
			run.Log.InfoContext(ctx, "began")
			<-release
			return Reply{}, nil
		}))}, nil
	}, "exec_timeout=20ms", "read_timeout=50ms", "write_timeout=50ms", "healthcheck_interval=1ms")
	client := make(chan error, 1)
	go func() {
		r, err := http.Get("http://" + p.calls)
		if err == nil {
			err = r.Body.Close()
		}
		client <- err
	}()
	waitFor(t, "the call", func() bool { return len(p.log.lines(t, "began")) == 1 })
	p.stop()
	if err := p.ended(t); err == nil || !strings.Contains(err.Error(), "1 calls were cut off") {
		t.Errorf("ended with %v", err)
	}
	close(release)
	<-client
}

func TestALoopThatPanicsGoesOn(t *testing.T) {
	t.Parallel()
	var runs atomic.Int32
	p := start(t, func(ctx context.Context, run *Runtime, s *probeSettings) (Routes, error) {
		run.Go("loop", func(ctx context.Context) {
			if runs.Add(1) == 1 {
				panic("oh")
			}
			<-ctx.Done()
		})
		return assembleProbe(ctx, run, s)
	})
	waitFor(t, "the second run", func() bool { return runs.Load() == 2 })
	if len(p.log.lines(t, "loop panicked")) != 1 {
		t.Error("the panic is not told")
	}
	p.stop()
	if err := p.ended(t); err != nil {
		t.Error(err)
	}
}

func TestWhatKeepsAFunctionFromServing(t *testing.T) {
	t.Parallel()
	taken := start(t, assembleProbe)
	_, port, _ := strings.Cut(taken.calls, ":")
	for name, c := range map[string]struct {
		setting, want string
	}{
		"a missing secret":    {"secret_mount_path=" + t.TempDir(), "secret probe-token"},
		"a wrong setting":     {"exec_timeout=soon", "ExecTimeout"},
		"a wrong collector":   {"otel_exporter_otlp_endpoint=otel", "otel_exporter_otlp_endpoint"},
		"its own refusal":     {"word=refuse", "assembling: the word is refuse"},
		"a port that is busy": {"port=" + port, "listening"},
		"a busy metrics port": {"metrics_port=" + port, "listening"},
		"a lock in no folder": {"lock_file=/no/such/folder/lock", "lock file"},
	} {
		environ, _ := environment(t, c.setting)
		err := run(context.Background(), "probe", environ, &journal{}, assembleProbe, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	taken.stop()
	if err := taken.ended(t); err != nil {
		t.Error(err)
	}
}

// TestTheProcess runs Main as a process: signals, exit status, output.
func TestTheProcess(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		environ, lock := environment(t, asFunction+"=1")
		cmd := exec.Command(os.Args[0])
		cmd.Env = environ
		stderr, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		lines := bufio.NewScanner(stderr)
		var log strings.Builder
		for lines.Scan() {
			log.WriteString(lines.Text())
			if strings.Contains(lines.Text(), `"msg":"ready"`) {
				// The second signal is what a parent passes on beside a terminal's own.
				for range 2 {
					if err := cmd.Process.Signal(signal); err != nil {
						t.Error(err)
					}
				}
			}
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v: %s", signal, err, log.String())
		}
		if !strings.Contains(log.String(), `"msg":"drained"`) {
			t.Errorf("%s: not drained: %s", signal, log.String())
		}
		if _, err := os.Stat(lock); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the lock file: %v", signal, err)
		}
	}
}

func TestAProcessThatCannotServeSaysWhy(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{asFunction + "=1", "secret_mount_path=" + t.TempDir()}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.HasPrefix(string(out), "probe: reading the secrets: secret probe-token") {
		t.Errorf("%v: %s", err, out)
	}
}
