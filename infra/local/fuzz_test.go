package local

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// FuzzReadState: a state is what the runner has written, and is written again
// as it was read.
func FuzzReadState(f *testing.F) {
	for _, text := range []string{`{"pid":1,"gateway":"http://127.0.0.1:1","processes":[{"name":"echo","instance":"echo-1","pid":7,"ready":true,"port":20000}]}`,
		"", "{", "null", `{"processes":null}`, `{"pid":"x"}`, `{"pid":1e3}`} {
		f.Add([]byte(text))
	}
	dir, other := f.TempDir(), f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(filepath.Join(dir, "state.json"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := ReadState(dir)
		if (err == nil) != json.Valid(text) && err == nil {
			t.Errorf("%q is %+v", text, s)
		}
		if err != nil {
			return
		}
		b := &board{path: filepath.Join(other, "state.json"), state: s}
		if err := b.write(); err != nil {
			t.Fatal(err)
		}
		again, err := ReadState(other)
		if err != nil || !reflect.DeepEqual(again, b.state) { // in the order of their names now
			t.Errorf("%q is %+v, and then %+v, %v", text, b.state, again, err)
		}
	})
}

// FuzzPorts: whatever stands in the file of the ports, those that are given out
// are ports that can be had, each once.
func FuzzPorts(f *testing.F) {
	for _, text := range []string{`{"paysim":20001,"postgres":20002}`, `{"paysim":20001,"postgres":20001}`, "", "{", "null", `{"paysim":-1}`, `{"paysim":99999}`, `{"paysim":1.5}`, `{"paysim":80}`} {
		f.Add([]byte(text))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		file := filepath.Join(dir, "ports.json")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := openPorts(file)
		if err != nil {
			return
		}
		p.free = func(port int) bool { return port > 1024 && port < 65536 } // as the system would say
		given := map[int]string{}
		for _, name := range []string{"paysim", "postgres", "redis", "nats"} {
			port, err := p.keep(name)
			if err != nil {
				t.Fatal(err)
			}
			if other, twice := given[port]; twice || port <= 1024 || port > 65535 {
				t.Errorf("%q: %s gets the port %d, and %q does", text, name, port, other)
			}
			given[port] = name
		}
		again, err := openPorts(file)
		if err != nil {
			t.Fatalf("%q: what was written cannot be read: %v", text, err)
		}
		again.free = p.free
		for port, name := range given {
			if kept, err := again.keep(name); err != nil || kept != port {
				t.Errorf("%q: %s had the port %d and gets %d, %v", text, name, port, kept, err)
			}
		}
	})
}

// FuzzOptions: an option is taken for what was written, or refused.
func FuzzOptions(f *testing.F) {
	for _, text := range []string{"echo=3", "echo", "=3", "echo=0", "echo=101", "echo=+3", "echo.a=b", "echo.a=", ".a=b", "echo.=b", "echo.a.b=c=d", "a=b.c"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var o Options
		if err := o.ParseReplicas(text); err == nil {
			for name, n := range o.Replicas {
				if name == "" || n < 1 || n > maxReplicas || !strings.HasPrefix(text, name+"=") {
					t.Errorf("%q is %d of %q", text, n, name)
				}
			}
		} else if o.Replicas != nil {
			t.Errorf("%q is refused and leaves %v", text, o.Replicas)
		}
		if err := o.ParseSet(text); err != nil {
			if o.Set != nil {
				t.Errorf("%q is refused and leaves %v", text, o.Set)
			}
			return
		}
		for name, variables := range o.Set {
			for variable, value := range variables {
				if name == "" || variable == "" || name+"."+variable+"="+value != text {
					t.Errorf("%q sets %q of %q to %q", text, variable, name, value)
				}
			}
		}
	})
}
