package pg

import (
	"strings"
	"testing"
	"time"
)

// FuzzOpen: an address is refused without its password, or gives a pool of our
// limits; nothing is dialled.
func FuzzOpen(f *testing.F) {
	for _, url := range []string{"postgres://bazaar@postgres:5432/bazaar?sslmode=disable", "", "://", "postgres://u:p@h:x/d", "host=/tmp user=a dbname=b", "postgres://u@h/d?pool_max_conns=900&application_name=x",
		"postgres://u@h/d?connect_timeout=-1", "postgres://u@h/d?sslmode=odd", "postgres://u@[::1/d", "a=b", "postgres://u@h,h2:1/d?target_session_attrs=any"} {
		f.Add(url, "-more")
	}
	f.Fuzz(func(t *testing.T, url, password string) {
		if strings.Contains(url, "/") && (strings.Contains(url, "file") || strings.Contains(url, "cert") || strings.Contains(url, "key")) || strings.Contains(url, "min_conns") || strings.Contains(url, "idle_conns") {
			return // of files that never end, and of who wants to dial at once
		}
		password = "hunter2" + password
		pool, err := Open(Settings{URL: url, Password: password, MaxConns: 3, ConnectTimeout: 2 * time.Second}, "fuzz", nil)
		if err != nil {
			if strings.Contains(err.Error(), "hunter2") && !strings.Contains(url, "hunter2") {
				t.Errorf("the error shows the password: %v", err)
			}
			return
		}
		defer pool.Close()
		c := pool.Config()
		if c.MaxConns != 3 || c.ConnConfig.ConnectTimeout != 2*time.Second || c.ConnConfig.RuntimeParams["application_name"] != "fuzz" || c.ConnConfig.Password != password {
			t.Errorf("%q gives a pool of %d connections, %s, %v", url, c.MaxConns, c.ConnConfig.ConnectTimeout, c.ConnConfig.RuntimeParams)
		}
		if pool.Stat().TotalConns() != 0 {
			t.Errorf("%q was dialled", url)
		}
	})
}
