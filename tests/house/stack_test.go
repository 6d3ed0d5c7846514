package house_test

import (
	"go/ast"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/drone/envsubst"
	"gopkg.in/yaml.v3"

	"bazaar/infra/local/stack"
	"bazaar/infra/schema"
)

const (
	maxConnections = 50 // of all functions and the trigger together
	maxFunctions   = 15 // OpenFaaS CE and faasd CE refuse another
	maxLabel       = 63 // characters of a label's value
)

// index reads stack.yml with no variable set.
func index(t *testing.T) *stack.Stack {
	t.Helper()
	dir := root(t)
	s, err := stack.Read(filepath.Join(dir, "stack.yml"), dir, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// rawIndex is stack.yml as YAML sees it, before anything is taken for a string.
func rawIndex(t *testing.T) map[string]map[string]any {
	t.Helper()
	text, err := envsubst.Eval(ours(t).read(t, "stack.yml"), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	var raw struct {
		Functions map[string]map[string]any `yaml:"functions"`
	}
	if err := yaml.Unmarshal([]byte(text), &raw); err != nil {
		t.Fatal(err)
	}
	return raw.Functions
}

// folders are the functions as the folders say.
func folders(t *testing.T) []string {
	t.Helper()
	entries, err := fs.ReadDir(ours(t), "functions")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestEveryFolderIsInTheStackAndBack(t *testing.T) {
	t.Parallel()
	inStack := slices.Sorted(maps.Keys(index(t).Functions))
	if have := folders(t); !slices.Equal(have, inStack) {
		t.Errorf("folders of functions/ %q\nstack.yml            %q", have, inStack)
	}
	if len(inStack) > maxFunctions {
		t.Errorf("%d functions: OpenFaaS CE refuses more than %d", len(inStack), maxFunctions)
	}
}

func TestAFunctionHasOneName(t *testing.T) {
	t.Parallel()
	tree := ours(t)
	for _, f := range index(t).All() {
		if want := "./functions/" + f.Name; f.Handler != want {
			t.Errorf("%s: handler %q, want %q", f.Name, f.Handler, want)
		}
		if want := "ghcr.io/bazaar/" + f.Name + ":latest"; f.Image != want {
			t.Errorf("%s: image %q, want %q", f.Name, f.Image, want)
		}
		if f.BuildArgs["FUNCTION"] != f.Name {
			t.Errorf("%s: build argument FUNCTION is %q", f.Name, f.BuildArgs["FUNCTION"])
		}
		if f.Lang != "function" {
			t.Errorf("%s: lang %q, want the template function", f.Name, f.Lang)
		}
		if got := calls(t, tree, f.Name, "fn.Main"); !slices.Equal(got, []string{f.Name}) {
			t.Errorf("%s: calls fn.Main with %q", f.Name, got)
		}
	}
}

func TestEveryFunctionIsBounded(t *testing.T) {
	t.Parallel()
	sum := 0
	for _, f := range index(t).All() {
		if f.Limits == nil || f.Limits.Memory == "" {
			t.Errorf("%s: no limit of memory", f.Name)
		}
		if !f.ReadOnly {
			t.Errorf("%s: its root file system can be written", f.Name)
		}
		if f.Namespace != "" {
			t.Errorf("%s: OpenFaaS CE has one namespace", f.Name)
		}
		exec, read, write := span(t, f, "exec_timeout"), span(t, f, "read_timeout"), span(t, f, "write_timeout")
		if read < exec+time.Second || write < exec+time.Second {
			t.Errorf("%s: exec_timeout %s needs read and write timeouts a second above, they are %s and %s", f.Name, exec, read, write)
		}
		if number(t, f, "max_inflight") < 1 {
			t.Errorf("%s: max_inflight is no bound", f.Name)
		}
		conns := number(t, f, "pg_max_conns")
		if conns < 1 {
			t.Errorf("%s: pg_max_conns %d", f.Name, conns)
		}
		sum += conns
	}
	sum += serviceConnections(t)
	if sum > maxConnections {
		t.Errorf("functions, trigger and a connector may hold %d connections to PostgreSQL, more than %d", sum, maxConnections)
	}
}

func span(t *testing.T, f *stack.Function, key string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(f.Environment[key])
	if err != nil || d <= 0 {
		t.Errorf("%s: %s is %q, want a duration", f.Name, key, f.Environment[key])
	}
	return d
}

func number(t *testing.T, f *stack.Function, key string) int {
	t.Helper()
	n, err := strconv.Atoi(f.Environment[key])
	if err != nil {
		t.Errorf("%s: %s is %q, want a number", f.Name, key, f.Environment[key])
	}
	return n
}

// TestValuesAreStrings finds numbers and booleans that should have been quoted.
func TestValuesAreStrings(t *testing.T) {
	t.Parallel()
	for name, f := range rawIndex(t) {
		for _, part := range []string{"environment", "annotations", "labels", "build_args"} {
			values, _ := f[part].(map[string]any)
			for key, value := range values {
				text, ok := value.(string)
				if !ok {
					t.Errorf("%s: %s.%s is %v, a %T: quote it", name, part, key, value, value)
				}
				if part == "labels" && len(text) > maxLabel {
					t.Errorf("%s: label %s has %d characters, at most %d are allowed", name, key, len(text), maxLabel)
				}
			}
		}
	}
}

// TestAKeyIsInOnePlace: the environment_file wins over what stands inline, so a
// key in both would be a setting that does nothing.
func TestAKeyIsInOnePlace(t *testing.T) {
	t.Parallel()
	stores := storeKeys(t)
	for name, f := range rawIndex(t) {
		inline, _ := f["environment"].(map[string]any)
		for key := range inline {
			if slices.Contains(stores, key) {
				t.Errorf("%s: %s stands inline and in the environment_file", name, key)
			}
		}
	}
}

func storeKeys(t *testing.T) []string {
	t.Helper()
	var file struct {
		Environment map[string]any `yaml:"environment"`
	}
	if err := yaml.Unmarshal([]byte(ours(t).read(t, "infra/faasd/stores.yml")), &file); err != nil {
		t.Fatal(err)
	}
	for key, value := range file.Environment {
		if _, ok := value.(string); !ok {
			t.Errorf("stores.yml: %s is %v, a %T: quote it", key, value, value)
		}
	}
	return slices.Sorted(maps.Keys(file.Environment))
}

// TestSettingsAreRead: what stack.yml sets is a setting of that function, and
// what the stores file sets is one of some function.
func TestSettingsAreRead(t *testing.T) {
	t.Parallel()
	tree := ours(t)
	runtime := settingsOf(t, tree, "shared/fn", "Settings")
	read := map[string]bool{}
	for name, f := range rawIndex(t) {
		own := settingsOf(t, tree, "functions/"+name, "settings")
		known := map[string]bool{"GOMAXPROCS": true} // Go itself reads it
		for _, s := range append(own.env, runtime.env...) {
			known[s.name], read[s.name] = true, true
		}
		inline, _ := f["environment"].(map[string]any)
		for key := range inline {
			if !known[key] {
				t.Errorf("%s: nothing in it reads %s", name, key)
			}
		}
	}
	for _, key := range storeKeys(t) {
		if !read[key] {
			t.Errorf("stores.yml: no function reads %s", key)
		}
	}
}

func TestSecretsAreThoseThatTheFunctionReads(t *testing.T) {
	t.Parallel()
	tree := ours(t)
	for _, f := range index(t).All() {
		want := slices.Sorted(slices.Values(settingsOf(t, tree, "functions/"+f.Name, "settings").secrets))
		have := slices.Sorted(slices.Values(f.Secrets))
		if !slices.Equal(slices.Compact(want), have) {
			t.Errorf("%s: its settings read %q, stack.yml mounts %q", f.Name, want, have)
		}
	}
}

// TestTopicsAreThoseThatTheFunctionHandles holds the annotation topic against
// the events of fn.On, and both against the streams.
func TestTopicsAreThoseThatTheFunctionHandles(t *testing.T) {
	t.Parallel()
	tree := ours(t)
	streamed := subjects()
	for _, f := range index(t).All() {
		var topics []string
		if a := f.Annotations["topic"]; a != "" {
			topics = strings.Split(a, ",")
		}
		handled := calls(t, tree, f.Name, "fn.On")
		for i, topic := range topics {
			if topic == "cron-function" {
				topics[i] = "cron." + f.Name
				if f.Annotations["schedule"] == "" {
					t.Errorf("%s: cron-function without a schedule", f.Name)
				}
				continue
			}
			if !slices.Contains(streamed, topic) {
				t.Errorf("%s: topic %s is in no stream", f.Name, topic)
			}
		}
		slices.Sort(topics)
		slices.Sort(handled)
		if !slices.Equal(topics, handled) {
			t.Errorf("%s: stack.yml binds it to %q, it handles %q", f.Name, topics, handled)
		}
	}
}

// calls gives the first argument of each call of a function named so in a
// function's folder.
func calls(t *testing.T, tree tree, name, callee string) []string {
	t.Helper()
	dir := "functions/" + name
	var found []string
	for _, s := range tree.in(dir) {
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || selector(call.Fun) != callee || len(call.Args) == 0 {
				return true
			}
			value, ok := tree.constant(t, s, dir, call.Args[0])
			if !ok {
				t.Errorf("%s: the first argument of %s is no constant", tree.at(s, call), callee)
			}
			found = append(found, value)
			return true
		})
	}
	return found
}

// subjects are the literal subjects of all streams.
func subjects() []string {
	var all []string
	for _, s := range schema.Streams(schema.StreamSettings{Replicas: 1}) {
		for _, subject := range s.Subjects {
			if !strings.ContainsAny(subject, "*>") {
				all = append(all, subject)
			}
		}
	}
	return all
}

// TestSubjectsAreThoseOfTheNouns: each subject of a stream is a constant of the
// events.go of the noun that emits it, and each such constant is in a stream.
func TestSubjectsAreThoseOfTheNouns(t *testing.T) {
	t.Parallel()
	tree := ours(t)
	owners := map[string][]string{}
	for _, s := range tree.sources {
		dir, isEvents := strings.CutSuffix(s.path, "/events.go")
		if !isEvents || !strings.HasPrefix(dir, "shared/") {
			continue
		}
		for _, c := range tree.constants(dir) {
			if c.source.path != s.path {
				continue
			}
			value, ok := tree.constant(t, c.source, dir, c.value)
			if !ok {
				t.Errorf("%s: %s is no string", s.path, c.name)
				continue
			}
			owners[value] = append(owners[value], dir)
		}
	}
	for subject, dirs := range owners {
		noun, _, _ := strings.Cut(subject, ".")
		if len(dirs) != 1 || dirs[0] != "shared/"+noun {
			t.Errorf("%s belongs to %q, want shared/%s alone", subject, dirs, noun)
		}
	}
	have, want := slices.Sorted(maps.Keys(owners)), slices.Sorted(slices.Values(subjects()))
	if !slices.Equal(have, want) {
		t.Errorf("subjects of shared/ %q\nof the streams      %q", have, want)
	}
}
