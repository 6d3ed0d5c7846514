package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	// testTimeout ends a test binary that hangs; that is no verdict.
	testTimeout = 3 * time.Minute
	// stopDelay is how long the go command has to end after it was told to.
	stopDelay = 5 * time.Second
	// said is how much of what a failed run printed is shown.
	said = 2000
)

// suite runs tests of the module in root.
type suite struct {
	root string
}

// outcome is what one run of tests came to.
type outcome struct {
	passed []string
	failed []string // the first to fail first, with the names of subtests
	output string
}

// run runs the named tests of a package once, under an overlay unless it is "".
// Its error means that there is no verdict: something does not compile, hangs,
// or a named test did not run.
func (s suite) run(ctx context.Context, overlay, pkg string, tests []string) (outcome, error) {
	out, err := s.command(ctx, overlay, "test", "-json", "-vet=off", "-count=1", "-timeout="+testTimeout.String(),
		"-run="+pattern(tests), "./"+pkg)
	if ctx.Err() != nil {
		return outcome{}, ctx.Err()
	}
	o, broken := read(out)
	switch {
	case broken != nil:
		return o, broken
	case err != nil && len(o.failed) == 0:
		return o, fmt.Errorf("no test failed, and yet: %w: %s", err, o.output)
	}
	for _, t := range tests {
		if !slices.Contains(o.passed, t) && !slices.Contains(o.failed, t) {
			return o, fmt.Errorf("the test %s of %s was not run to its end: %s", t, pkg, o.output)
		}
	}
	return o, nil
}

// pattern is what -run takes for tests and subtests.
func pattern(tests []string) string {
	alternatives := make([]string, len(tests))
	for i, t := range tests {
		parts := strings.Split(t, "/")
		for n, part := range parts {
			parts[n] = "^" + regexp.QuoteMeta(part) + "$"
		}
		alternatives[i] = strings.Join(parts, "/")
	}
	return strings.Join(alternatives, "|")
}

// compiles says what keeps packages from being built under an overlay. To list
// them with what they export compiles them, and links no program.
func (s suite) compiles(ctx context.Context, overlay string, pkgs []string) error {
	out, err := s.command(ctx, overlay, append([]string{"list", "-export"}, pkgs...)...)
	if err != nil {
		return fmt.Errorf("it does not compile: %w: %s", err, out)
	}
	return nil
}

// command runs go in root. The overlay stands in the environment, so that the
// programs which tests build are built with it too.
func (s suite) command(ctx context.Context, overlay string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = s.root
	cmd.Env = os.Environ()
	if overlay != "" {
		cmd.Env = append(cmd.Env, "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+overlay))
	}
	// A group of its own: what the tests have started ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = stopDelay
	return cmd.CombinedOutput()
}

// event is a line of go test -json.
type event struct {
	Action, Test, Output string
}

// read takes what go test -json has printed apart. Its error names what is not
// the verdict of a test.
func read(out []byte) (o outcome, broken error) {
	var printed strings.Builder
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			printed.WriteString(lines.Text() + "\n") // of the go command itself
			continue
		}
		switch {
		case e.Action == "build-fail":
			broken = errors.New("a test binary does not compile")
		case strings.Contains(e.Output, "panic: test timed out"):
			broken = errors.New("it hangs")
		case e.Action == "fail" && e.Test != "":
			o.failed = append(o.failed, e.Test)
		case e.Action == "pass" && e.Test != "":
			o.passed = append(o.passed, e.Test)
		}
		if !noise(e.Output) {
			printed.WriteString(e.Output)
		}
	}
	o.output = printed.String()
	if len(o.output) > said {
		o.output = strings.ToValidUTF8(o.output[:said], "") + "…"
	}
	if broken != nil {
		broken = fmt.Errorf("%w: %s", broken, o.output)
	}
	return o, errors.Join(broken, lines.Err())
}

// noise reports whether a line says only which test goes on.
func noise(line string) bool {
	return slices.ContainsFunc([]string{"=== RUN", "=== PAUSE", "=== CONT", "=== NAME", "--- PASS", "PASS"},
		func(mark string) bool { return strings.HasPrefix(strings.TrimSpace(line), mark) })
}

// verdict is what became of a mutant.
type verdict struct {
	mutant
	noticed string // the first test that failed; "" if none did
	err     error  // there is no verdict
	took    time.Duration
}

// try runs the tests of a mutant against it.
func (s suite) try(ctx context.Context, m mutant) verdict {
	began := time.Now()
	noticed, err := s.judge(ctx, m)
	return verdict{m, noticed, err, time.Since(began)}
}

func (s suite) judge(ctx context.Context, m mutant) (noticed string, err error) {
	dir, err := os.MkdirTemp("", "bazaar-mutant-")
	if err != nil {
		return "", fmt.Errorf("making a folder for the changed files: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	files, err := rewrite(s.root, m.edits)
	if err != nil {
		return "", err
	}
	path, err := overlay(s.root, dir, files)
	if err != nil {
		return "", err
	}
	changed, err := packages(s.root, m.edits)
	if err != nil {
		return "", err
	}
	// First by itself: to a test that builds a program, one that does not
	// compile would be a failure like any other.
	if err := s.compiles(ctx, path, changed); err != nil {
		return "", err
	}
	o, err := s.run(ctx, path, m.pkg, m.tests())
	if err != nil {
		return "", err
	}
	if slices.Contains(o.failed, m.green) {
		return "", fmt.Errorf("more than the guard is gone: %s fails too: %s", m.green, o.output)
	}
	if len(o.failed) == 0 {
		return "", nil
	}
	return o.failed[0], nil
}

// moduleRoot is the folder of go.mod above the working directory.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the module: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("there is no go.mod above the working directory")
		}
		dir = filepath.Dir(dir)
	}
}
