package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fewest is how many guards are taken away at least.
const fewest = 12

// starters are the functions of tests/support that start the whole house. Its
// programs lie in bin/, where a mutated one could be taken for the true one.
func starters() []string { return []string{"SharedSystem", "OwnSystem", "StartSystem"} }

// TestTheListIsUpToDate holds every mutant against the sources: what it
// replaces is there once and leaves a file that can be read, and its tests are
// there.
func TestTheListIsUpToDate(t *testing.T) {
	t.Parallel()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	all := mutants()
	if len(all) < fewest {
		t.Errorf("%d mutants, want %d at least", len(all), fewest)
	}
	names := map[string]bool{}
	for _, m := range all {
		if names[m.name] || m.name == "" || m.guard == "" || len(m.edits) == 0 || len(m.red) == 0 || slices.Contains(m.red, m.green) {
			t.Errorf("%q: wants a name of its own, a guard, edits, red tests, and a green one beside them", m.name)
		}
		names[m.name] = true
		files, err := rewrite(root, m.edits)
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
		for name, text := range files {
			if filepath.Ext(name) != ".go" {
				continue
			}
			if _, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution); err != nil {
				t.Errorf("%s: %v", m.name, err)
			}
		}
	}
	for pkg, tests := range named(all) {
		there := testsOf(t, filepath.Join(root, filepath.FromSlash(pkg)))
		for _, name := range tests {
			if name, _, _ := strings.Cut(name, "/"); !there[name] {
				t.Errorf("%s has no test %s", pkg, name)
			}
		}
	}
}

// testsOf gives the tests of a package, which must not be one that starts the
// whole house.
func testsOf(t *testing.T, dir string) map[string]bool {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil && strings.HasPrefix(n.Name.Name, "Test") {
					found[n.Name.Name] = true
				}
			case *ast.SelectorExpr:
				if slices.Contains(starters(), n.Sel.Name) {
					t.Errorf("%s: its tests build mutated programs in bin/", path)
				}
			}
			return true
		})
	}
	return found
}

func TestChoose(t *testing.T) {
	t.Parallel()
	all := mutants()
	if got, err := choose(all, nil); err != nil || len(got) != len(all) {
		t.Errorf("%d of %d, %v", len(got), len(all), err)
	}
	first, last := all[0].name, all[len(all)-1].name
	if got, err := choose(all, []string{last, first}); err != nil || len(got) != 2 || got[0].name != first || got[1].name != last {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := choose(all, []string{first, "nobody"}); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("%v", err)
	}
}
