package stack_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"bazaar/infra/local/stack"
)

// FuzzRead: a stack file is refused in one line, or what it gives can be run:
// functions with a name, a folder and an environment, in one order.
func FuzzRead(f *testing.F) {
	for _, text := range []string{
		header + "functions:\n  echo: {handler: ./functions/echo, environment: {a: '1'}, environment_file: [stores.yml], secrets: [x]}\n",
		header + "x: &c {handler: ./functions/echo}\nfunctions:\n  echo: {<<: *c, image: '${REGISTRY:-r}/echo:${TAG}'}\n",
		header, "", "a: [", header + "functions: {echo: null}", header + "functions: {Echo: {handler: .}}", header + "functions: {a: {handler: ./functions/none}}",
		"a: &a [*a]", "${", "${A:-${B}}", "${A:0:9}", "${A/b/c}", "${A^^}", "$$", "${A:?x}", "\t", "a: !!binary x", "- - -",
	} {
		f.Add(text)
	}
	root := f.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "functions", "echo"), 0o755); err != nil {
		f.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "stores.yml"), []byte("environment: {pg_url: x}\n"), 0o600); err != nil {
		f.Fatal(err)
	}
	path, name := filepath.Join(root, "stack.yml"), regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "/dev") || strings.Contains(text, "/proc") {
			return // an environment_file that never ends
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := stack.Read(path, root, lookup(map[string]string{"TAG": "1"}))
		if err != nil {
			if s != nil || strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("%q is refused with %q", text, err)
			}
			return
		}
		last := ""
		for _, fn := range s.All() {
			if !name.MatchString(fn.Name) || fn.Name <= last || fn.Handler == "" || fn.Environment == nil {
				t.Errorf("%q gives %+v after %q", text, fn, last)
			}
			last = fn.Name
		}
		if len(s.All()) == 0 || s.Provider.Name != "openfaas" {
			t.Errorf("%q is the stack %+v", text, s)
		}
	})
}
