package image_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// root is the folder of the project.
const root = "../.."

// function is one entry of stack.yml, as far as a build needs it.
type function struct {
	Lang      string            `yaml:"lang"`
	Handler   string            `yaml:"handler"`
	BuildArgs map[string]string `yaml:"build_args"`
}

type stackFile struct {
	Configuration struct {
		Copy []string `yaml:"copy"`
	} `yaml:"configuration"`
	Functions map[string]function `yaml:"functions"`
}

func readStack(t *testing.T) (s stackFile) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "stack.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// layOut makes the folder build/<name> as `faas-cli build --shrinkwrap` does:
// the template, the handler's folder as function/, and below it every path of
// configuration.copy.
func layOut(t *testing.T, s stackFile, name string) (context string) {
	t.Helper()
	context = filepath.Join(t.TempDir(), "build", name)
	f := s.Functions[name]
	place(t, filepath.Join(root, "template", f.Lang), context)
	place(t, filepath.Join(root, f.Handler), filepath.Join(context, "function"))
	for _, path := range s.Configuration.Copy {
		place(t, filepath.Join(root, path), filepath.Join(context, "function", path))
	}
	return context
}

// place copies a file, or what is in a folder, to a path.
func place(t *testing.T, from, to string) {
	t.Helper()
	info, err := os.Stat(from)
	if err != nil {
		t.Fatal(err)
	}
	if info.IsDir() {
		if err := os.MkdirAll(to, 0o700); err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(from)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			place(t, filepath.Join(from, e.Name()), filepath.Join(to, e.Name()))
		}
		return
	}
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, content, info.Mode().Perm()); err != nil {
		t.Fatal(err)
	}
}

// follow does what the stage's COPY lines do, from context into work.
func (s stage) follow(t *testing.T, context, work string, args map[string]string) {
	t.Helper()
	expand := func(text string) string { return os.Expand(text, func(name string) string { return args[name] }) }
	for _, line := range s.all("COPY") {
		paths := strings.Fields(expand(line))
		to := paths[len(paths)-1]
		for _, from := range paths[:len(paths)-1] {
			target := filepath.Join(work, to)
			if info, err := os.Stat(filepath.Join(context, from)); err == nil && !info.IsDir() && strings.HasSuffix(to, "/") {
				target = filepath.Join(target, filepath.Base(from))
			}
			place(t, filepath.Join(context, from), target)
		}
	}
}
