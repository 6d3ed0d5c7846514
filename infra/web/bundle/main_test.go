package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// TestPageIsMadeOfItsSources bundles again: what is embedded must be what
// stands in the sources.
func TestPageIsMadeOfItsSources(t *testing.T) {
	t.Parallel()
	want, err := page("..")
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile(filepath.Join("..", "page", "app.js"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Error("page/app.js is not what its sources make: go generate ./infra/web")
	}
}

// TestClient runs the tests of the TypeScript with node's own runner.
func TestClient(t *testing.T) {
	t.Parallel()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("node is not installed: apt-get install nodejs")
	}
	files, err := tests("..", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	arguments := []string{"--enable-source-maps", "--test", "--test-reporter=tap"}
	for _, f := range files {
		arguments = append(arguments, f.Path)
	}
	out, err := exec.CommandContext(t.Context(), node, arguments...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, failures(out))
	}
	// A runner that found nothing to run is content, too.
	passed := regexp.MustCompile(`(?m)^# pass (\d+)$`).FindSubmatch(out)
	if passed == nil {
		t.Fatalf("node does not say how many tests passed:\n%s", out)
	}
	if n, err := strconv.Atoi(string(passed[1])); err != nil || n < 100 {
		t.Errorf("only %s tests passed", passed[1])
	}
}

// failures leaves out what went well.
func failures(tap []byte) []byte {
	return regexp.MustCompile(`(?m)^ *(ok .*|# Subtest: .*|---|\.\.\.|duration_ms: .*|type: 'test')\n`).ReplaceAll(tap, nil)
}

func TestSourcesThatDoNotBundleAreNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "page", "src"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "page", "src", "main.ts"), []byte("const = 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := run(dir); err == nil || !bytes.Contains([]byte(err.Error()), []byte("page/src/main.ts:1: ")) {
		t.Errorf("error %v, want one with the file and its line", err)
	}
	if _, err := tests(dir, t.TempDir()); err == nil {
		t.Error("a folder without tests has no tests to run, and nobody says so")
	}
}
