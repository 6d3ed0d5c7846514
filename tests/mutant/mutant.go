package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// mutant is the project without one guard.
type mutant struct {
	name  string
	guard string // what is gone, as a sentence
	edits []edit
	// pkg is the folder of the tests that are tried.
	pkg string
	// red are the tests, or subtests, that are expected to notice: at least one
	// must fail.
	red []string
	// green is a test of the same package that goes by the same code and must
	// still pass: a program that is merely broken says nothing about its guards.
	green string
}

// edit replaces the one occurrence of a text in a file.
type edit struct {
	file     string // slashes, from the root of the module
	old, new string
}

// tests are all that a mutant names.
func (m mutant) tests() []string { return append([]string{m.green}, m.red...) }

// rewrite gives the files of the edits as they become, by their path.
func rewrite(root string, edits []edit) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, e := range edits {
		text, seen := files[e.file]
		if !seen {
			var err error
			if text, err = os.ReadFile(filepath.Join(root, filepath.FromSlash(e.file))); err != nil {
				return nil, fmt.Errorf("reading a file to be changed: %w", err)
			}
		}
		if n := strings.Count(string(text), e.old); n != 1 {
			return nil, fmt.Errorf("%s holds this %d times instead of once: %q", e.file, n, e.old)
		}
		files[e.file] = []byte(strings.Replace(string(text), e.old, e.new, 1))
	}
	return files, nil
}

// overlay writes changed files into dir, and next to them what tells the go
// command to take them for those in root. It gives the path of the latter.
func overlay(root, dir string, files map[string][]byte) (string, error) {
	var said struct{ Replace map[string]string }
	said.Replace = map[string]string{}
	for name, text := range files {
		copied := filepath.Join(dir, fmt.Sprintf("%d-%s", len(said.Replace), filepath.Base(name)))
		if err := os.WriteFile(copied, text, 0o600); err != nil {
			return "", fmt.Errorf("writing a changed file: %w", err)
		}
		said.Replace[filepath.Join(root, filepath.FromSlash(name))] = copied
	}
	text, err := json.Marshal(said)
	if err != nil {
		return "", fmt.Errorf("encoding the overlay: %w", err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return "", fmt.Errorf("writing the overlay: %w", err)
	}
	return path, nil
}

// packages are those that the edits change, as the go command names them. A
// file that is none of Go belongs to the package above that embeds it.
func packages(root string, edits []edit) ([]string, error) {
	var found []string
	seen := map[string]bool{}
	for _, e := range edits {
		dir := filepath.Dir(filepath.FromSlash(e.file))
		for {
			sources, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
			if err != nil {
				return nil, fmt.Errorf("looking for the package of %s: %w", e.file, err)
			}
			if len(sources) > 0 {
				break
			}
			if dir == "." {
				return nil, errors.New("no package holds " + e.file)
			}
			dir = filepath.Dir(dir)
		}
		if !seen[dir] {
			seen[dir] = true
			found = append(found, "./"+filepath.ToSlash(dir))
		}
	}
	return found, nil
}
