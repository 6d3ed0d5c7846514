package crash_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// program passes both kinds of points.
const program = `package main

import "bazaar/shared/crash"

func main() { crash.Point("a", "point"); crash.Poison("b", "poisoned") }
`

// symbols builds the program and gives the names of ours that are left in it.
func symbols(t *testing.T, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	file, overlay, binary := filepath.Join(dir, "main.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "program")
	here, err := filepath.Abs("testdata/program/main.go") // stands there for the compiler alone
	if err != nil {
		t.Fatal(err)
	}
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{here: file}})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{file: []byte(program), overlay: replace} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", append(append([]string{"build", "-overlay", overlay, "-o", binary}, flags...), "./testdata/program")...)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := exec.Command("go", "tool", "nm", binary).Output()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "bazaar/shared/crash.") {
			found = append(found, strings.TrimSpace(line))
		}
	}
	if bytes.Contains(content, []byte("crash_dir")) {
		found = append(found, "the variable's name")
	}
	return strings.Join(found, "\n")
}

func TestAnOrdinaryBuildHasNoTraceOfIt(t *testing.T) {
	t.Parallel()
	if found := symbols(t); found != "" {
		t.Errorf("found in an ordinary build:\n%s", found)
	}
	if symbols(t, "-tags", "crash") == "" {
		t.Error("nothing is found in a build with the tag either: the test sees nothing")
	}
}
