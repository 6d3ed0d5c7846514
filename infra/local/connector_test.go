package local

import (
	"net"
	"path/filepath"
	"slices"
	"testing"
)

// withConnectors is a runner that has not begun.
func withConnectors(t *testing.T, n int, listen string) *runner {
	t.Helper()
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	p, err := openPorts(filepath.Join(t.TempDir(), "ports.json"))
	if err != nil {
		t.Fatal(err)
	}
	r := &runner{options: Options{Dir: t.TempDir(), Listen: listen, Stack: "stack.yml", Connectors: n}, listener: listener, ports: p}
	if err := r.options.check(); err != nil {
		t.Fatal(err)
	}
	if err := r.keepSockets(); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestThereIsAPageWhereThereAreSockets(t *testing.T) {
	t.Parallel()
	for n := range 3 {
		r := withConnectors(t, n, "127.0.0.1:0")
		page, err := r.chat()
		if err != nil || (page != nil) != (n > 0) {
			t.Errorf("%d connectors: page %v, %v", n, page, err)
		}
		all := r.socketURLs()
		slices.Sort(all)
		if len(slices.Compact(all)) != n {
			t.Errorf("%d connectors at %q", n, all)
		}
	}
	for _, n := range []int{-1, maxReplicas + 1} {
		o := Options{Dir: t.TempDir(), Listen: "127.0.0.1:0", Stack: "stack.yml", Connectors: n}
		if o.check() == nil {
			t.Errorf("--connectors %d is taken", n)
		}
	}
}

// A page that was opened at either name of this machine may connect.
func TestConnectorsKnowThePagesOrigins(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{"127.0.0.1:0", "0.0.0.0:0"} {
		r := withConnectors(t, 1, listen)
		_, port, err := net.SplitHostPort(r.listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"http://127.0.0.1:" + port, "http://localhost:" + port}; !slices.Equal(r.origins(), want) {
			t.Errorf("listening on %s: origins %q, want %q", listen, r.origins(), want)
		}
	}
}
