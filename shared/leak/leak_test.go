package leak_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// programs end with a check: one leaves a goroutine, the other waits for it.
var programs = map[string]string{
	"careless": `package main

import "bazaar/shared/leak"

func main() { go forgotten(make(chan bool)); leak.Check("careless") }

func forgotten(word chan bool) { <-word }
`,
	"careful": `package main

import "bazaar/shared/leak"

func main() { word := make(chan bool); go awaited(word); word <- true; leak.Check("careful") }

func awaited(word chan bool) { <-word }
`,
}

// build makes one of the programs, which stands in testdata for the compiler alone.
func build(t *testing.T, name string, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	source, overlay, binary := filepath.Join(dir, "main.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, name)
	here, err := filepath.Abs("testdata/" + name + "/main.go")
	if err != nil {
		t.Fatal(err)
	}
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{here: source}})
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string][]byte{source: []byte(programs[name]), overlay: replace} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command("go", append(append([]string{"build", "-overlay", overlay, "-o", binary}, flags...), "./testdata/"+name)...)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return binary
}

// run gives the exit status and the line that the program said at its end.
func run(t *testing.T, binary string) (status int, line struct{ Level, Msg, Program, Stacks string }) {
	t.Helper()
	var said bytes.Buffer
	command := exec.Command(binary)
	command.Stderr = &said
	err := command.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if said.Len() > 0 {
		if err := json.Unmarshal(said.Bytes(), &line); err != nil {
			t.Fatalf("%v: %s", err, said.Bytes())
		}
	}
	return command.ProcessState.ExitCode(), line
}

func TestAGoroutineThatIsLeftIsNamed(t *testing.T) {
	t.Parallel()
	status, line := run(t, build(t, "careless", "-tags", "leak"))
	if status != 93 || line.Level != "ERROR" || line.Program != "careless" || !strings.Contains(line.Stacks, "main.forgotten") {
		t.Errorf("status %d, %+v", status, line)
	}
}

func TestAProgramThatEndedWholeSaysSo(t *testing.T) {
	t.Parallel()
	status, line := run(t, build(t, "careful", "-tags", "leak"))
	if status != 0 || line.Msg != "no goroutine is left" || line.Program != "careful" {
		t.Errorf("status %d, %+v", status, line)
	}
}

func TestAnOrdinaryBuildHasNoTraceOfIt(t *testing.T) {
	t.Parallel()
	binary := build(t, "careless")
	if status, line := run(t, binary); status != 0 || line.Msg != "" {
		t.Errorf("status %d, %+v", status, line)
	}
	symbols, err := exec.Command("go", "tool", "nm", binary).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(symbols)) {
		if strings.Contains(line, "bazaar/shared/leak.") || strings.Contains(line, "goleak") {
			t.Errorf("found in an ordinary build: %s", strings.TrimSpace(line))
		}
	}
}

// TestNoProgramOfOursIsBuiltWithIt asks what all programs are made of.
func TestNoProgramOfOursIsBuiltWithIt(t *testing.T) {
	t.Parallel()
	made := func(flags ...string) bool {
		command := exec.Command("go", append(append([]string{"list", "-deps"}, flags...), "bazaar/functions/...", "bazaar/infra/cmd/...")...)
		out, err := command.Output()
		if err != nil {
			t.Fatal(err)
		}
		packages := strings.Fields(string(out))
		if !slices.Contains(packages, "bazaar/shared/leak") {
			t.Error("no program checks how it ends")
		}
		return slices.Contains(packages, "go.uber.org/goleak")
	}
	if made() {
		t.Error("goleak is in the ordinary programs")
	}
	if !made("-tags", "leak") {
		t.Error("goleak is not in the programs with the tag: the test sees nothing")
	}
}
