package image_test

import (
	"os"
	"strings"
	"testing"
)

// instruction is one line of a Dockerfile, its continuation lines joined.
type instruction struct{ name, args string }

// stage is what stands between one FROM and the next.
type stage []instruction

func parse(t *testing.T, path string) (stages []stage) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(strings.ReplaceAll(string(text), "\\\n", " ")) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, args, _ := strings.Cut(line, " ")
		if name == "FROM" {
			stages = append(stages, nil)
		}
		if len(stages) == 0 {
			t.Fatalf("%s stands before FROM", line)
		}
		last := &stages[len(stages)-1]
		*last = append(*last, instruction{name, strings.TrimSpace(args)})
	}
	return stages
}

// all are the arguments of every instruction of that name, in order.
func (s stage) all(name string) (args []string) {
	for _, i := range s {
		if i.name == name {
			args = append(args, i.args)
		}
	}
	return args
}

// one is the argument of the only instruction of that name.
func (s stage) one(t *testing.T, name string) string {
	t.Helper()
	args := s.all(name)
	if len(args) != 1 {
		t.Fatalf("%d lines with %s, want one", len(args), name)
	}
	return args[0]
}

// run is the one RUN line that begins with these words.
func (s stage) run(t *testing.T, words string) string {
	t.Helper()
	var found []string
	for _, line := range s.all("RUN") {
		if strings.HasPrefix(line, words) {
			found = append(found, line)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d lines RUN %s, want one", len(found), words)
	}
	return found[0]
}
