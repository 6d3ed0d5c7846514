package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The made-up module has a guard in Go, one in an embedded file, and a program
// that a test builds.
const (
	guardGo = `package guard

import (
	_ "embed"
	"strings"
)

//go:embed limit.txt
var limit string

func Positive(n int) bool { return n > 0 }

func Limit() string { return strings.TrimSpace(limit) }
`
	guardTest = `package guard

import (
	"os/exec"
	"testing"
)

func TestPositive(t *testing.T) {
	for _, n := range []int{0, 1} {
		t.Run("of", func(t *testing.T) {
			if Positive(n) != (n == 1) {
				t.Error(n)
			}
		})
	}
}

func TestLimit(t *testing.T) {
	if Limit() != "7" {
		t.Error(Limit())
	}
}

func TestProgram(t *testing.T) {
	path := t.TempDir() + "/program"
	if out, err := exec.Command("go", "build", "-o", path, "made/up/program").CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	if err := exec.Command(path).Run(); err != nil {
		t.Error(err)
	}
}

func TestOne(t *testing.T) {
	if !Positive(1) {
		t.Error("one is positive")
	}
}
`
	program = `package main

import (
	"os"

	"made/up/guard"
)

func main() {
	if guard.Positive(-1) {
		os.Exit(1)
	}
}
`
)

// made is the made-up module.
func made(t *testing.T) suite {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module made/up\n\ngo 1.24\n", "guard/guard.go": guardGo, "guard/limit.txt": "7\n",
		"guard/guard_test.go": guardTest, "program/main.go": program,
	} {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return suite{root}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	s := made(t)
	in := func(old, new string) []edit { return []edit{{"guard/guard.go", old, new}} }
	for name, c := range map[string]struct {
		edits   []edit
		red     string
		green   string
		noticed string
		err     string
	}{
		"a guard in Go":          {in("n > 0", "n >= 0"), "TestPositive", "TestLimit", "TestPositive/of", ""},
		"a subtest":              {in("n > 0", "n >= 0"), "TestPositive/of", "TestLimit", "TestPositive/of", ""},
		"an embedded file":       {[]edit{{"guard/limit.txt", "7", "8"}}, "TestLimit", "TestPositive", "TestLimit", ""},
		"two edits of a file":    {append(in("n > 0", "n >= 0"), in("limit)", "limit+limit)")...), "TestPositive", "TestOne", "TestPositive/of", ""},
		"a program":              {in("n > 0", "n == -1 || n > 0"), "TestProgram", "TestPositive", "TestProgram", ""},
		"nobody looks":           {in("n > 0", "n > 0 || n < -1"), "TestPositive", "TestLimit", "", ""},
		"it does not compile":    {in("n > 0", "n"), "TestPositive", "TestLimit", "", "does not compile"},
		"all is broken":          {in("n > 0", "n >= 0"), "TestProgram", "TestPositive", "", "more than the guard is gone"},
		"a test that is missing": {in("n > 0", "n >= 0"), "TestNobody", "TestLimit", "", "TestNobody of guard was not run"},
		"a text that is not one": {in("n", "m"), "TestPositive", "TestLimit", "", "times instead of once"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := s.try(t.Context(), mutant{name: name, edits: c.edits, pkg: "guard", red: []string{c.red}, green: c.green})
			if v.noticed != c.noticed || (v.err == nil) != (c.err == "") || v.err != nil && !strings.Contains(v.err.Error(), c.err) {
				t.Errorf("noticed by %q, %v", v.noticed, v.err)
			}
		})
	}
}

// What go test prints when it is no verdict is told from a test that failed.
func TestRead(t *testing.T) {
	t.Parallel()
	hung := `{"Action":"run","Test":"TestOne"}
{"Action":"output","Test":"TestOne","Output":"panic: test timed out after 1s\n"}
{"Action":"fail","Test":"TestOne"}
{"Action":"fail"}`
	if _, err := read([]byte(hung)); err == nil || !strings.Contains(err.Error(), "hangs") {
		t.Errorf("%v", err)
	}
	unbuilt := `{"ImportPath":"made/up.test","Action":"build-fail"}
{"Action":"fail","FailedBuild":"made/up.test"}`
	if _, err := read([]byte(unbuilt)); err == nil || !strings.Contains(err.Error(), "compile") {
		t.Errorf("%v", err)
	}
	good := `{"Action":"pass","Test":"TestA"}
{"Action":"output","Test":"TestB","Output":"    b_test.go:1: no\n"}
{"Action":"fail","Test":"TestB/sub"}
{"Action":"fail","Test":"TestB"}`
	o, err := read([]byte(good))
	if err != nil || len(o.passed) != 1 || len(o.failed) != 2 || o.failed[0] != "TestB/sub" || !strings.Contains(o.output, "b_test.go:1: no") {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestTheTableNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	killed := verdict{mutant: mutant{name: "killed"}, noticed: "TestA"}
	var out bytes.Buffer
	if err := tell(&out, []verdict{killed}); err != nil || !strings.Contains(out.String(), "| killed |") {
		t.Errorf("%v: %s", err, &out)
	}
	survivor := verdict{mutant: mutant{name: "survivor", red: []string{"TestB"}}}
	mute := verdict{mutant: mutant{name: "mute"}, err: errors.New("it hangs")}
	err := tell(&out, []verdict{killed, survivor, mute})
	if err == nil || !strings.Contains(err.Error(), "survivor survived: TestB passed") || !strings.Contains(err.Error(), "mute says nothing: it hangs") {
		t.Errorf("%v", err)
	}
}
