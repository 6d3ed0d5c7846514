package stack_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bazaar/infra/local/stack"
)

const header = "version: 1.0\nprovider: {name: openfaas, gateway: 'http://127.0.0.1:8080'}\n"

// write lays a stack file, a handler folder and a stores file into a folder.
func write(t *testing.T, text string) (path, root string) {
	t.Helper()
	root = t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "functions", "echo"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"stack.yml":  text,
		"stores.yml": "environment:\n  pg_url: postgres://stores\n  both: from the file\n",
		"last.yml":   "environment: {both: from the last file}\n",
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(root, "stack.yml"), root
}

func lookup(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

func TestAFunctionIsReadWhole(t *testing.T) {
	t.Parallel()
	path, root := write(t, header+`
x-common: &common
  lang: function
  secrets: [postgres-password]
  environment: &env {read_timeout: 11s, pg_max_conns: 3}
functions:
  echo:
    <<: *common
    handler: ./functions/echo
    image: ${REGISTRY:-ghcr.io/bazaar}/echo:${TAG:-latest}
    environment: {<<: *env, pg_max_conns: 5, on: true}
    environment_file: ["${STORES:-stores.yml}"]
    labels: {com.openfaas.scale.max: "4"}
    annotations: {topic: "a.b,c.d", bazaar.batch: "256"}
    limits: {memory: 64Mi}
    readonly_root_filesystem: true
`)
	s, err := stack.Read(path, root, lookup(map[string]string{"TAG": "v7"}))
	if err != nil {
		t.Fatal(err)
	}
	f := s.Functions["echo"]
	for got, want := range map[string]string{
		f.Image:                            "ghcr.io/bazaar/echo:v7",
		f.Environment["read_timeout"]:      "11s",
		f.Environment["pg_max_conns"]:      "5",
		f.Environment["on"]:                "true",
		f.Environment["pg_url"]:            "postgres://stores",
		f.Annotations["topic"]:             "a.b,c.d",
		f.Annotations["bazaar.batch"]:      "256",
		f.Limits.Memory:                    "64Mi",
		strings.Join(f.Secrets, " "):       "postgres-password",
		f.Labels["com.openfaas.scale.max"]: "4",
	} {
		if got != want {
			t.Errorf("read %q, want %q", got, want)
		}
	}
	if !f.ReadOnly || f.Name != "echo" || len(s.All()) != 1 {
		t.Errorf("read %+v", f)
	}
}

func TestEnvironmentFilesBeatTheInlineEnvironment(t *testing.T) {
	t.Parallel()
	path, root := write(t, header+`
functions:
  echo: {handler: functions/echo, environment: {both: inline, mine: kept}, environment_file: [stores.yml, last.yml]}
`)
	s, err := stack.Read(path, root, lookup(nil))
	if err != nil {
		t.Fatal(err)
	}
	env := s.Functions["echo"].Environment
	if env["both"] != "from the last file" || env["mine"] != "kept" {
		t.Errorf("environment %v", env)
	}
}

func TestWhatIsWrongIsOneClearLine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"no yaml":        {"functions: [", "is not what a stack file looks like"},
		"other provider": {"provider: {name: faas}", `provider.name is "faas"`},
		"no functions":   {header, "names no functions"},
		"empty function": {header + "functions: {echo: }", "function echo is empty"},
		"no handler":     {header + "functions: {echo: {image: x}}", "function echo: it has no handler"},
		"no folder":      {header + "functions: {echo: {handler: ./gone}}", "its handler ./gone is no folder"},
		"bad name":       {header + "functions: {Echo_1: {handler: functions/echo}}", "lower-case letters"},
		"no env file":    {header + "functions: {echo: {handler: functions/echo, environment_file: [gone.yml]}}", "gone.yml cannot be read"},
		"long label":     {header + "functions: {echo: {handler: functions/echo, labels: {a: " + strings.Repeat("x", 64) + "}}}", "label a has 64"},
		"bad variable":   {header + "functions: {echo: {handler: '${A'}}", "replacing its variables"},
	} {
		path, root := write(t, c.text)
		_, err := stack.Read(path, root, lookup(nil))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; want one line with %q", name, err, c.want)
		}
	}
	if _, err := stack.Read("gone.yml", ".", lookup(nil)); err == nil || !strings.Contains(err.Error(), "--stack") {
		t.Errorf("a missing file: %v", err)
	}
}
