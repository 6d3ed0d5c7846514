package runner_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestAFunctionRunsAsTheStackSays(t *testing.T) {
	t.Parallel()
	r := up(t, newDir(t), "--set", "echo.mine=2", "--set", "echo.more=a=b")
	s := r.self()
	for _, want := range []string{
		"word=from the file", "mine=2", "more=a=b", "max_inflight=64", "listen_host=127.0.0.1", "healthcheck_interval=100ms",
		"secret_mount_path=" + filepath.Join(r.dir, "mounts", "echo"), "lock_file=" + filepath.Join(r.dir, "run", "echo-1.lock"),
	} {
		if !slices.Contains(s.Environ, want) {
			t.Errorf("%q is not in its environment %q", want, s.Environ)
		}
	}
	for _, v := range s.Environ {
		if strings.HasPrefix(v, "PATH=") || strings.HasPrefix(v, "HOME=") {
			t.Errorf("it inherited %s", v)
		}
	}
	if !slices.Equal(s.Secrets, []string{"redis-password", "token-keys"}) {
		t.Errorf("it sees the secrets %q", s.Secrets)
	}
	for _, dir := range []string{"secrets", "mounts"} {
		info, err := os.Stat(filepath.Join(r.dir, dir))
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s has mode %v: %v", dir, info.Mode(), err)
		}
	}
}

func TestScaling(t *testing.T) {
	t.Parallel()
	r := up(t, newDir(t))
	scale := func(n string, want int) {
		t.Helper()
		body := `{"serviceName":"echo","replicas":` + n + `}`
		if status, text, _ := r.call(http.MethodPost, "/system/scale-function/echo", body); status != http.StatusAccepted {
			t.Fatalf("scaling to %s: %d %s", n, status, text)
		}
		eventually(t, "the replicas", func() bool {
			ready := 0
			for _, p := range r.state().Processes {
				if p.Ready {
					ready++
				}
			}
			return ready == want && len(r.state().Processes) == want
		})
	}
	scale("3", 3)
	scale("0", 0)
	if status, _, _ := r.call(http.MethodGet, "/function/echo/self", ""); status != http.StatusBadGateway {
		t.Errorf("without a replica: %d", status)
	}
	scale("1", 1)
	r.self()
}
