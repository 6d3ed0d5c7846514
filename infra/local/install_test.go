package local

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// has makes a machine that has these programs.
func has(programs ...string) func(string) (string, error) {
	return func(name string) (string, error) {
		if slices.Contains(programs, name) {
			return "/usr/bin/" + name, nil
		}
		return "", exec.ErrNotFound
	}
}

func TestWhoInstalls(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		refused  bool
		uid      int
		terminal bool
		programs []string
		want     string // the beginning of the command; empty: none
	}{
		"root on Debian":                    {uid: 0, programs: []string{"apt-get"}, want: "/bin/sh"},
		"a person with sudo":                {uid: 1000, terminal: true, programs: []string{"apt-get", "sudo"}, want: "sudo /bin/sh"},
		"a script with sudo never asks":     {uid: 1000, programs: []string{"apt-get", "sudo"}, want: "sudo -n"},
		"a person without sudo":             {uid: 1000, terminal: true, programs: []string{"apt-get"}},
		"another system":                    {uid: 0, programs: []string{"dnf", "sudo"}},
		"who does not want to install":      {refused: true, uid: 0, programs: []string{"apt-get"}},
		"a person on macOS with a sudo":     {uid: 501, terminal: true, programs: []string{"brew", "sudo"}},
		"a refusal is stronger than a sudo": {refused: true, uid: 1000, programs: []string{"apt-get", "sudo"}},
	} {
		got := strings.Join(installer(c.refused, c.uid, c.terminal, has(c.programs...)), " ")
		if !strings.HasPrefix(got, c.want) || (c.want == "") != (got == "") {
			t.Errorf("%s: %q, want %q…", name, got, c.want)
		}
	}
}

func TestWhatToTypeWhereNothingCanBeInstalled(t *testing.T) {
	t.Parallel()
	for want, packages := range map[string][]string{
		"PostgreSQL and Redis are not installed here. On Debian or Ubuntu type: sudo apt-get install postgresql redis-server; " +
			"on Fedora: sudo dnf install postgresql-server valkey; on macOS: brew install postgresql@17 redis": {"postgresql", "redis-server"},
		"Redis is not installed here. On Debian or Ubuntu type: sudo apt-get install redis-server; " +
			"on Fedora: sudo dnf install valkey; on macOS: brew install redis": {"redis-server"},
	} {
		if got := notInstalled(packages).Error(); got != want {
			t.Errorf("said %q, want %q", got, want)
		}
	}
}

// TestTheScriptStartsNoService runs the script with an apt-get of our own, in a
// place of its own: the policy is there while packages are installed, and only then.
func TestTheScriptStartsNoService(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before, during, after string // the policy file; empty: none
		apt                   string
		fails                 bool
	}{
		"a machine without a policy":   {during: "exit 101", apt: "exit 0"},
		"a machine with its own":       {before: "mine", during: "mine", after: "mine", apt: "exit 0"},
		"an installation that fails":   {during: "exit 101", apt: `[ "$1" = update ]`, fails: true},
		"lists that cannot be brought": {during: "exit 101", apt: `[ "$1" = install ]`},
	} {
		dir := t.TempDir()
		policy := filepath.Join(dir, "policy-rc.d")
		if c.before != "" {
			write(t, policy, c.before)
		}
		write(t, filepath.Join(dir, "apt-get"), "#!/bin/sh\n[ $1 = install ] && { cp "+policy+" "+dir+"/seen; echo $* $DEBIAN_FRONTEND > "+dir+"/asked; }\n"+c.apt+"\n")
		cmd := exec.Command("/bin/sh", "-c", strings.ReplaceAll(aptScript, "/usr/sbin/policy-rc.d", policy), "install", "postgresql", "redis-server")
		cmd.Env = []string{"PATH=" + dir + ":/usr/bin:/bin"}
		if err := cmd.Run(); (err != nil) != c.fails {
			t.Errorf("%s: %v", name, err)
		}
		if seen := read(t, filepath.Join(dir, "seen")); !strings.Contains(seen, c.during) {
			t.Errorf("%s: the policy was %q while installing", name, seen)
		}
		if asked := read(t, filepath.Join(dir, "asked")); asked != "install -q -y --no-install-recommends postgresql redis-server noninteractive\n" {
			t.Errorf("%s: asked for %q", name, asked)
		}
		if after := read(t, policy); after != c.after {
			t.Errorf("%s: left the policy %q", name, after)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil { //nolint:gosec // one is a program
		t.Fatal(err)
	}
}

// read gives "" where there is no file.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(bytes.Clone(text))
}
