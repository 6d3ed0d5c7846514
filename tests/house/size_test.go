package house_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"strings"
	"testing"
	"testing/fstest"
)

const (
	maxFileLines     = 400
	maxFunctionLines = 60
)

// long are the files and functions that may be longer, each with the reason
// why no noun is missing. A function is written path:name.
func long() map[string]string {
	return map[string]string{
		"infra/schema/streams.go:Streams":                                "a table of data",
		"shared/auth/verifier_test.go:TestAttacksOnTokens":               "a table of attacks",
		"tests/store/bus_test.go:TestLostConnectionIsTriedOnceMore":      "one story, told in its order",
		"tests/store/queue_test.go:TestPassedFollowsTheAcknowledgements": "one story, told in its order",
	}
}

// sizeRule finds the files and functions that are too long.
func sizeRule(t tree) []string {
	var wrong []string
	for _, s := range t.sources {
		if lines := bytes.Count(s.raw, []byte("\n")); lines > maxFileLines && long()[s.path] == "" {
			wrong = append(wrong, fmt.Sprintf("%s has %d lines, more than %d: which noun is missing?", s.path, lines, maxFileLines))
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			lines := t.set.Position(f.End()).Line - t.set.Position(f.Pos()).Line + 1
			if lines > maxFunctionLines && long()[s.path+":"+f.Name.Name] == "" {
				wrong = append(wrong, fmt.Sprintf("%s: %s has %d lines, more than %d", t.at(s, f), f.Name.Name, lines, maxFunctionLines))
			}
		}
	}
	return wrong
}

func TestSize(t *testing.T) {
	t.Parallel()
	rule(sizeRule).holds(t)
}

func TestSizeRuleFindsWhatIsTooLong(t *testing.T) {
	t.Parallel()
	bad := parse(t, fstest.MapFS{
		"shared/a/a.go": {Data: []byte("package a\n" + strings.Repeat("\n", maxFileLines))},
		"shared/b/b.go": {Data: []byte("package b\n\nfunc f() {" + strings.Repeat("\n", maxFunctionLines) + "}\n")},
		"shared/c/c.go": {Data: []byte("package c\n\nfunc f() {" + strings.Repeat("\n", maxFunctionLines-1) + "}\n")},
	})
	if found := sizeRule(bad); len(found) != 2 {
		t.Errorf("found %q, want a.go and b.go", found)
	}
}

func TestLongThingsAreStillLong(t *testing.T) {
	t.Parallel()
	known := ours(t)
	for what := range long() {
		file, name, _ := strings.Cut(what, ":")
		if !known.has(file, name) {
			t.Errorf("%s is excused from its length, but is not there", what)
		}
	}
}

// has reports whether a file is there and, with a name, a function in it.
func (t tree) has(file, name string) bool {
	for _, s := range t.sources {
		if s.path != file {
			continue
		}
		if name == "" {
			return true
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == name {
				return true
			}
		}
	}
	return false
}
