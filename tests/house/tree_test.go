// Package house_test holds the rules of the house as tests: who may import whom,
// how long things may get, which habits are not ours, and that the files which
// speak of the same thing (stack.yml, functions, subjects, README) agree. It
// needs no server.
//
// A rule is a function from a tree to what is wrong with it, so that each is
// shown to fail on a made-up bad tree as well as to pass on ours.
package house_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// source is one Go file.
type source struct {
	path string // slashes, from the root of the module
	file *ast.File
	raw  []byte
}

func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") || s.under("tests") }

func (s source) under(dir string) bool { return strings.HasPrefix(s.path, dir+"/") }

// tree is the module: its Go files parsed, and everything else to read.
type tree struct {
	fs.FS
	set     *token.FileSet
	sources []source
}

// at says where a node is, as path:line.
func (t tree) at(s source, n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.path, t.set.Position(n.Pos()).Line)
}

// read gives a file that has to be there.
func (t tree) read(tb testing.TB, name string) string {
	tb.Helper()
	raw, err := fs.ReadFile(t, name)
	if err != nil {
		tb.Fatalf("reading %s: %v", name, err)
	}
	return string(raw)
}

// in gives the Go files of one folder, without its tests.
func (t tree) in(dir string) []source {
	var found []source
	for _, s := range t.sources {
		if path.Dir(s.path) == dir && !strings.HasSuffix(s.path, "_test.go") {
			found = append(found, s)
		}
	}
	return found
}

// project is the tree that this test stands in, read once.
var project = sync.OnceValues(func() (tree, error) {
	dir, err := filepath.Abs("../..")
	if err != nil {
		return tree{}, err
	}
	return newTree(os.DirFS(dir))
})

func ours(tb testing.TB) tree {
	tb.Helper()
	t, err := project()
	if err != nil {
		tb.Fatalf("reading the tree: %v", err)
	}
	return t
}

func root(tb testing.TB) string {
	tb.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		tb.Fatalf("the root of the module is not where it was: %v", err)
	}
	return dir
}

// parse is a made-up tree.
func parse(tb testing.TB, files fs.FS) tree {
	tb.Helper()
	t, err := newTree(files)
	if err != nil {
		tb.Fatalf("reading a made-up tree: %v", err)
	}
	return t
}

func newTree(files fs.FS) (tree, error) {
	t := tree{FS: files, set: token.NewFileSet()}
	err := walk(files, func(name string, raw []byte) error {
		if path.Ext(name) != ".go" {
			return nil
		}
		file, err := parser.ParseFile(t.set, name, raw, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		t.sources = append(t.sources, source{path: name, file: file, raw: raw})
		return nil
	})
	return t, err
}

// walk visits the files that belong to the project, not what builds and runs
// leave behind.
func walk(files fs.FS, visit func(name string, raw []byte) error) error {
	return fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", ".local", "build", "bin"}, name):
			return fs.SkipDir
		case !entry.Type().IsRegular():
			return nil
		}
		raw, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		return visit(name, raw)
	})
}

// rule finds what is wrong with a tree, a line each.
type rule func(tree) []string

func (r rule) holds(t *testing.T) {
	t.Helper()
	for _, problem := range r(ours(t)) {
		t.Error(problem)
	}
}
