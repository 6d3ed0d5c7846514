package house_test

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"
)

// wordRule finds what belongs to one machine or to a conversation and not to
// the project, in every text file.
func wordRule(t tree) []string {
	// Written in halves, so that this file does not find itself.
	forbidden := []string{"/ro" + "ot/", "/ho" + "me/", "TO" + "DO", "FIX" + "ME"}
	var wrong []string
	err := walk(t.FS, func(name string, raw []byte) error {
		if !utf8.Valid(raw) || slices.Contains([]string{"go.sum", "LICENSE"}, path.Base(name)) {
			return nil
		}
		for _, word := range forbidden {
			if i := bytes.Index(raw, []byte(word)); i >= 0 {
				line := 1 + bytes.Count(raw[:i], []byte("\n"))
				wrong = append(wrong, fmt.Sprintf("%s:%d: %q", name, line, word))
			}
		}
		return nil
	})
	if err != nil {
		return append(wrong, err.Error())
	}
	return wrong
}

func TestWords(t *testing.T) {
	t.Parallel()
	rule(wordRule).holds(t)
}

func TestWordRuleFindsThem(t *testing.T) {
	t.Parallel()
	bad := parse(t, fstest.MapFS{
		"a.md":    {Data: []byte("see\n/ro" + "ot/notes\n")},
		"b.yml":   {Data: []byte("# TO" + "DO\n")},
		"c.md":    {Data: []byte("fine\n")},
		"bin/run": {Data: []byte("/ho" + "me/me")},
	})
	if found := wordRule(bad); len(found) != 2 || !strings.HasPrefix(found[0], "a.md:2:") {
		t.Errorf("found %q, want a.md and b.yml", found)
	}
}

// TestOneStackFile: faas-cli would silently take stack.yaml.
func TestOneStackFile(t *testing.T) {
	t.Parallel()
	if _, err := ours(t).Open("stack.yaml"); err == nil {
		t.Error("stack.yaml would win over stack.yml")
	}
}

// TestNounsHaveNames: packages are named after what they are.
func TestNounsHaveNames(t *testing.T) {
	t.Parallel()
	vague := []string{"common", "util", "utils", "models", "helpers", "manager", "service"}
	for _, s := range ours(t).sources {
		for _, part := range strings.Split(path.Dir(s.path), "/") {
			if slices.Contains(vague, part) {
				t.Errorf("%s: %q says nothing", s.path, part)
			}
		}
	}
}
