package runner_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"bazaar/infra/local"
)

func TestCtrlCStopsWhatWasStarted(t *testing.T) {
	t.Parallel()
	r := up(t, newDir(t), "--replicas", "echo=2")
	pids := r.pids()
	if len(pids) != 2 {
		t.Fatalf("%d processes", len(pids))
	}
	r.signal(syscall.SIGINT)
	if code := r.wait(); code != 0 {
		t.Errorf("exit code %d: %s", code, r.err.String())
	}
	for _, pid := range pids {
		if !gone(pid) {
			t.Errorf("process %d lives on", pid)
		}
	}
	if r.out.String() != "ready\n" {
		t.Errorf("said %q on stdout", r.out.String())
	}
	if _, err := local.ReadState(r.dir); err == nil {
		t.Error("the state is still there")
	}
}

func TestACallThatRunsIsFinished(t *testing.T) {
	t.Parallel()
	r := up(t, newDir(t))
	answer := make(chan string)
	go func() {
		status, text, _ := r.call(http.MethodGet, "/function/echo/slow", "")
		answer <- fmt.Sprint(status, " ", text)
	}()
	eventually(t, "the call begins", func() bool {
		log, err := os.ReadFile(filepath.Join(r.dir, "log", "echo.log"))
		return err == nil && strings.Contains(string(log), "slow began")
	})
	r.signal(syscall.SIGTERM)
	if got := <-answer; !strings.HasPrefix(got, "200 ") || !strings.Contains(got, "rested") {
		t.Errorf("answer %q", got)
	}
	if code := r.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestNothingSurvivesTheRunnersDeath(t *testing.T) {
	t.Parallel()
	r := up(t, newDir(t))
	pids := r.pids()
	r.signal(syscall.SIGKILL)
	r.wait()
	for _, pid := range pids {
		eventually(t, "the end of a function", func() bool { return gone(pid) })
	}
	again := up(t, r.dir) // what a killed runner left is no hindrance
	if again.self().Pid == 0 {
		t.Error("no answer after the second start")
	}
}

func TestTheRunnerEndsWithGoRun(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	r := startCommand(t, dir, exec.Command("go", append([]string{"run", "./infra/cmd/local"}, bare(dir)...)...))
	r.ready()
	state := r.state()
	if state.Pid == r.cmd.Process.Pid {
		t.Fatal("go run is the runner itself")
	}
	r.signal(syscall.SIGKILL) // go run, not the runner
	r.wait()
	eventually(t, "the runner's end", func() bool { return gone(state.Pid) })
}

func TestAFunctionThatDiesComesBack(t *testing.T) {
	t.Parallel()
	r := up(t, newDir(t))
	before := r.self().Pid
	if status, text, _ := r.call(http.MethodPost, "/function/echo/die", "{}"); status != http.StatusBadGateway || text != "" {
		t.Errorf("the call that killed it: %d %q", status, text)
	}
	eventually(t, "the next replica", func() bool {
		status, _, _ := r.call(http.MethodGet, "/function/echo/self", "")
		return status == http.StatusOK
	})
	if after := r.self().Pid; after == before {
		t.Errorf("still process %d", after)
	}
	for _, said := range []string{"echo-1 died (exit status 3); starting it again in 250ms (log: log/echo.log)", "echo-1 is back"} {
		eventually(t, said, func() bool { return strings.Contains(r.err.String(), said) })
	}
}

func TestTheOthersAnswerWhileOneIsDown(t *testing.T) {
	t.Parallel()
	r := up(t, newDir(t), "--replicas", "echo=3")
	seen := map[int]bool{}
	for range 12 {
		seen[r.self().Pid] = true
	}
	if len(seen) != 3 {
		t.Errorf("%d of 3 replicas answered", len(seen))
	}
	parts := r.state().Processes
	if err := syscall.Kill(parts[0].Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its death is known", func() bool { return strings.Contains(r.err.String(), parts[0].Instance+" died") })
	for range 20 {
		r.self()
	}
	eventually(t, "it is back", func() bool { return strings.Contains(r.err.String(), parts[0].Instance+" is back") })
}

func TestWhatCannotStartIsOneClearLine(t *testing.T) {
	t.Parallel()
	r := up(t, newDir(t))
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"a second runner": {bare(r.dir), fmt.Sprintf("another runner (process %d) is at work in %s", r.cmd.Process.Pid, r.dir)},
		"a reset now":     {[]string{"reset", "--dir", r.dir}, "is at work in"},
		"a busy port":     {bare(newDir(t), "--listen", taken.Addr().String()), "cannot listen on " + taken.Addr().String() + ": address already in use"},
		"no folder":       {bare(filepath.Join(file, "below")), "cannot write to " + file},
		"no stack":        {bare(newDir(t), "--stack", "gone.yml"), "gone.yml does not exist"},
		"no secret":       {bare(newDir(t), "--stack", "tests/runner/testdata/nosecret.yml"), "function echo wants the secret partner-key"},
		"no such replica": {bare(newDir(t), "--replicas", "other=2"), "has no function other"},
		"no such setting": {bare(newDir(t), "--set", "other.a=b"), "has no function other"},
		"odd replicas":    {bare(newDir(t), "--replicas", "echo"), "should be name=N"},
		"an odd flag":     {bare(newDir(t), "--frobnicate"), "unknown flag --frobnicate"},
	} {
		failed := start(t, "", c.args...)
		code, said := failed.wait(), failed.err.String()
		if code != 1 || failed.out.String() != "" || strings.Count(said, "\n") != 1 || !strings.Contains(said, c.want) {
			t.Errorf("%s: exit code %d, said %q; want 1 and one line with %q", name, code, said, c.want)
		}
	}
	r.self() // it was not disturbed
}

func TestAnInterruptedStartIsNoSuccess(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	r := start(t, dir, "up", "--dir", dir, "--bin", "bin/test", "--listen", "127.0.0.1:0", "--stack", testStack, "--no-install")
	eventually(t, "it begins", func() bool { _, err := os.Stat(filepath.Join(dir, "ports.json")); return err == nil })
	r.signal(syscall.SIGINT)
	if code := r.wait(); code != 1 || r.out.String() != "" || !strings.Contains(r.err.String(), "stopped before everything was ready") {
		t.Errorf("exit code %d, said %q and %q", code, r.out.String(), r.err.String())
	}
}

func TestAFunctionThatNeverStartsEndsTheRun(t *testing.T) {
	t.Parallel()
	r := start(t, "", bare(newDir(t), "--stack", "tests/runner/testdata/broken.yml")...)
	code, said := r.wait(), r.err.String()
	if code == 0 || r.out.String() != "" || !strings.Contains(said, "broken-1 does not start: exit status 2") ||
		!strings.Contains(said, "the setting answer is missing") {
		t.Errorf("exit code %d, said %q", code, said)
	}
}

// The one who started it has died: its input ends and nobody reads what it says.
func TestItStopsInOrderWhenItsStarterIsGone(t *testing.T) {
	t.Parallel()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	dir := newDir(t)
	cmd := exec.Command(path, bare(dir, "--until-eof", "--forget")...)
	cmd.Dir, cmd.SysProcAttr = root, &syscall.SysProcAttr{Setpgid: true}
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	says, said, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said.Close()
	go func() { _, _ = io.Copy(io.Discard, says) }()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("said %q, %v", line, err)
	}
	for _, end := range []io.Closer{says, out, input} {
		if err := end.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("it did not forget")
	}
}

func TestReset(t *testing.T) {
	t.Parallel()
	r := up(t, newDir(t))
	r.signal(syscall.SIGTERM)
	r.wait()
	for _, want := range []string{"removed " + r.dir, "there is nothing in " + r.dir} {
		reset := start(t, "", "reset", "--dir", r.dir)
		if code := reset.wait(); code != 0 || !strings.Contains(reset.err.String(), want) {
			t.Errorf("exit code %d, said %q; want %q", code, reset.err.String(), want)
		}
	}
	if _, err := os.Stat(r.dir); err == nil {
		t.Error("the folder is still there")
	}
	foreign := t.TempDir()
	if reset := start(t, "", "reset", "--dir", foreign); reset.wait() != 0 {
		t.Error("a foreign folder is an error")
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Error("a foreign folder was removed")
	}
}
