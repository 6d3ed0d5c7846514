package local

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Which ports are free is made up here: other tests take some at any moment.
func TestPortsAreKept(t *testing.T) {
	t.Parallel()
	file, taken := filepath.Join(t.TempDir(), "ports.json"), 0
	start := func() *ports {
		p, err := openPorts(file)
		if err != nil {
			t.Fatal(err)
		}
		p.free = func(port int) bool { return port != taken }
		return p
	}
	first := start()
	postgres, err := first.keep("postgres")
	if err != nil {
		t.Fatal(err)
	}
	redis, err := first.keep("redis")
	if err != nil || redis == postgres || postgres < firstPort || postgres > lastPort {
		t.Fatalf("ports %d and %d: %v", postgres, redis, err)
	}
	second := start()
	if again, err := second.keep("postgres"); err != nil || again != postgres {
		t.Errorf("port %d the second time, was %d: %v", again, postgres, err)
	}
	taken = redis
	other, err := second.keep("redis")
	if err != nil || other == redis || other == postgres {
		t.Errorf("port %d although %d is taken: %v", other, redis, err)
	}
	third := start()
	if again, err := third.keep("redis"); err != nil || again != other {
		t.Errorf("port %d the third time, was %d: %v", again, other, err)
	}
}

func TestAProcessKeepsItsPortWhileItIsFree(t *testing.T) {
	t.Parallel()
	p, err := openPorts(filepath.Join(t.TempDir(), "ports.json"))
	if err != nil {
		t.Fatal(err)
	}
	port, err := p.again(0)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := p.again(port); err != nil || again != port {
		t.Errorf("port %d, was %d: %v", again, port, err)
	}
	taken, err := net.Listen("tcp", address(port))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if other, err := p.again(port); err != nil || other == port {
		t.Errorf("port %d although it is taken: %v", other, err)
	}
}

func TestABrokenFileOfPortsIsTold(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "ports.json")
	write(t, file, "{")
	if _, err := openPorts(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("error %v", err)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	var o Options
	for text, good := range map[string]bool{"a=2": true, "b=1": true, "a": false, "=2": false, "a=0": false, "a=101": false, "a=x": false} {
		if err := o.ParseReplicas(text); (err == nil) != good {
			t.Errorf("--replicas %s: %v", text, err)
		}
	}
	for text, good := range map[string]bool{"f.x=1": true, "f.y=a=b.c": true, "g.x=": true, "f.x": false, "f=1": false, ".x=1": false, "f.=1": false} {
		if err := o.ParseSet(text); (err == nil) != good {
			t.Errorf("--set %s: %v", text, err)
		}
	}
	if o.Replicas["a"] != 2 || o.Set["f"]["y"] != "a=b.c" || o.Set["g"]["x"] != "" {
		t.Errorf("parsed %+v", o)
	}
}

func TestLaterLayersOfTheEnvironmentWin(t *testing.T) {
	t.Parallel()
	got := environ(map[string]string{"b": "1", "a": "1"}, nil, map[string]string{"b": "2"})
	if !slices.Equal(got, []string{"a=1", "b=2"}) {
		t.Errorf("environment %q", got)
	}
}

func TestProgramsOfTheSameNameAreToldApart(t *testing.T) {
	t.Parallel()
	b := &builder{bin: "/bin", mains: map[string]string{}}
	for folder, good := range map[string]bool{"./functions/a": true, "functions/b": true} {
		if _, err := b.add(folder); (err == nil) != good {
			t.Errorf("%s: %v", folder, err)
		}
	}
	if program, err := b.add("functions/a"); err != nil || program != "/bin/a" {
		t.Errorf("the same again: %s, %v", program, err)
	}
	if _, err := b.add("infra/cmd/a"); err == nil {
		t.Error("two programs share one file")
	}
}

// A pid file that a killed PostgreSQL left names a pid that may be anybody's: here it is ours.
func TestAStalePidFileIsCleared(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "postmaster.pid")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	left := func(port string) string {
		return strconv.Itoa(os.Getpid()) + "\n/data\n1700000000\n" + port + "\n\n127.0.0.1\n"
	}
	write(t, file, left(port))
	if err := clearStale(dir); err != nil || read(t, file) == "" {
		t.Errorf("the file of a server that answers was removed: %v", err)
	}
	write(t, file, left("1")) // a port that was free a moment ago may be another's by now; nobody answers at this one
	for range 2 {             // the second time there is none
		if err := clearStale(dir); err != nil || read(t, file) != "" {
			t.Errorf("the stale file is still there: %v", err)
		}
	}
}

func TestTheExampleOrdersADemoProduct(t *testing.T) {
	t.Parallel()
	products, err := os.ReadFile("demo/products.csv")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(products), "\n"+demoSKU+",") {
		t.Errorf("there is no product %s", demoSKU)
	}
}
