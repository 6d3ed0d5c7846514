package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bazaar/shared/config"
)

type stores struct {
	URL      string `env:"pg_url"`
	MaxConns int    `env:"pg_max_conns" envDefault:"3"`
	Password string `secret:"postgres-password"`
}

type settings struct {
	Stores stores
	Wait   time.Duration `env:"exec_timeout" envDefault:"10s"`
	Addrs  []string      `env:"redis_addrs"`
	Key    []byte        `secret:"trigger-key,optional"`
}

func mount(t *testing.T, secrets map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range secrets {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return "secret_mount_path=" + dir
}

func TestLoad(t *testing.T) {
	dir := mount(t, map[string]string{"postgres-password": "s3cret\n", "trigger-key": "pem"})
	got, err := config.Load[settings]([]string{dir, "pg_url=postgres://x", "exec_timeout=2s", "redis_addrs=a:1,b:2"})
	if err != nil {
		t.Fatal(err)
	}
	if got.Stores.URL != "postgres://x" || got.Stores.MaxConns != 3 || got.Stores.Password != "s3cret" ||
		got.Wait != 2*time.Second || len(got.Addrs) != 2 || string(got.Key) != "pem" {
		t.Errorf("got %+v", got)
	}
}

func TestLoadNamesWhatIsWrong(t *testing.T) {
	with := mount(t, map[string]string{"postgres-password": "s3cret"})
	for name, c := range map[string]struct {
		environ []string
		want    string
	}{
		"a missing secret": {[]string{mount(t, nil)}, "secret postgres-password"},
		"a wrong number":   {[]string{with, "pg_max_conns=many"}, "MaxConns"},
		"a wrong duration": {[]string{with, "exec_timeout=soon"}, "Wait"},
	} {
		_, err := config.Load[settings](c.environ)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: the error shows a secret", name)
		}
	}
}
