package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bazaar/shared/config"
)

// FuzzLoad: every setting is what the environment says or its default, a secret
// is its file without the line break at its end, and no error shows a secret.
func FuzzLoad(f *testing.F) {
	f.Add("postgres://x", "5", "2s", "a:1,b:2", "\n")
	f.Add("", "", "", "", "")
	f.Add("${HOME}", "many", "soon", ",", "\r\n\r\n")
	f.Add("a=b", "-1", "1h1ns", "a", "in the\nmiddle")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, url, conns, wait, addrs, secret string) {
		secret = "hunter2" + secret
		if err := os.WriteFile(filepath.Join(dir, "postgres-password"), []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		environ := []string{"secret_mount_path=" + dir, "pg_url=" + url, "pg_max_conns=" + conns, "exec_timeout=" + wait, "redis_addrs=" + addrs}
		got, err := config.Load[settings](environ)
		n, badNumber := strconv.ParseInt(conns, 10, strconv.IntSize)
		d, badDuration := time.ParseDuration(wait)
		if conns == "" {
			n, badNumber = 3, nil
		}
		if wait == "" {
			d, badDuration = 10*time.Second, nil
		}
		if bad := badNumber != nil || badDuration != nil; bad != (err != nil) {
			t.Fatalf("%q: %v", environ, err)
		}
		if err != nil {
			if strings.Contains(err.Error(), "hunter2") && !strings.Contains(conns+wait, "hunter2") {
				t.Errorf("the error shows the secret: %v", err)
			}
			return
		}
		if got.Stores.URL != url || got.Stores.MaxConns != int(n) || got.Wait != d || got.Stores.Password != strings.TrimRight(secret, "\r\n") || got.Key != nil {
			t.Errorf("%q is %+v", environ, got)
		}
		if want := strings.Split(addrs, ","); addrs != "" && !slices.Equal(got.Addrs, want) || addrs == "" && len(got.Addrs) > 0 {
			t.Errorf("%q is %q", addrs, got.Addrs)
		}
	})
}
