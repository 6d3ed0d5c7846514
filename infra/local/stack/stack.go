// Package stack reads stack.yml the way faas-cli does: `${VAR:-default}` is
// replaced in the raw text, then the text is YAML, then each environment_file
// of a function beats its inline environment. It knows what a function is and
// nothing about running one.
package stack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/drone/envsubst"
	"gopkg.in/yaml.v3"
)

// Stack is the file as a whole.
type Stack struct {
	Version  string   `yaml:"version"`
	Provider Provider `yaml:"provider"`
	// Functions by name; use All for a stable order.
	Functions map[string]*Function `yaml:"functions"`
}

// Provider says which platform the file is for.
type Provider struct {
	Name    string `yaml:"name"`
	Gateway string `yaml:"gateway"`
}

// Function is one entry of the file with its environment files already applied.
type Function struct {
	Name    string `yaml:"-"`
	Lang    string `yaml:"lang"`
	Handler string `yaml:"handler"` // folder of the main package
	Image   string `yaml:"image"`
	Process string `yaml:"fprocess"`

	Environment     map[string]string `yaml:"environment"`
	EnvironmentFile []string          `yaml:"environment_file"`
	Secrets         []string          `yaml:"secrets"`
	Labels          map[string]string `yaml:"labels"`
	Annotations     map[string]string `yaml:"annotations"`
	Limits          *Resources        `yaml:"limits"`
	Requests        *Resources        `yaml:"requests"`
	ReadOnly        bool              `yaml:"readonly_root_filesystem"`
	BuildArgs       map[string]string `yaml:"build_args"`
	Namespace       string            `yaml:"namespace"`
}

// Resources are what a function may use or asks for, as Kubernetes writes them.
type Resources struct {
	Memory string `yaml:"memory"`
	CPU    string `yaml:"cpu"`
}

// Read reads the stack file at path. Relative handlers and environment files
// are looked up below root, as faas-cli looks below its working directory.
// lookup gives the value of a variable of the text, "" when it has none. Every
// error is one sentence that names what is to be put right.
func Read(path, root string, lookup func(string) string) (*Stack, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s does not exist: run this where it is, or name another file with --stack", path)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the stack: %w", err)
	}
	text, err := envsubst.Eval(string(raw), lookup)
	if err != nil {
		return nil, fmt.Errorf("%s: replacing its variables: %w", path, err)
	}
	var s Stack
	if err := yaml.Unmarshal([]byte(text), &s); err != nil {
		return nil, fmt.Errorf("%s is not what a stack file looks like: %s", path, oneLine(err))
	}
	if err := s.complete(root); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &s, nil
}

// All gives the functions ordered by name.
func (s *Stack) All() []*Function {
	all := make([]*Function, 0, len(s.Functions))
	for _, f := range s.Functions {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b *Function) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func (s *Stack) complete(root string) error {
	if s.Provider.Name != "openfaas" {
		return fmt.Errorf("provider.name is %q, it has to be openfaas", s.Provider.Name)
	}
	if len(s.Functions) == 0 {
		return errors.New("it names no functions")
	}
	for name, f := range s.Functions {
		if f == nil {
			return fmt.Errorf("function %s is empty", name)
		}
		f.Name = name
		if err := f.check(root); err != nil {
			return fmt.Errorf("function %s: %w", name, err)
		}
		if err := f.readEnvironment(root); err != nil {
			return fmt.Errorf("function %s: %w", name, err)
		}
	}
	return nil
}

// validName is what OpenFaaS accepts as a function's name.
const validName = `^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`

func (f *Function) check(root string) error {
	if ok, _ := regexp.MatchString(validName, f.Name); !ok {
		return errors.New("its name may hold lower-case letters, digits and dashes only")
	}
	if f.Handler == "" {
		return errors.New("it has no handler")
	}
	if info, err := os.Stat(below(root, f.Handler)); err != nil || !info.IsDir() {
		return fmt.Errorf("its handler %s is no folder", f.Handler)
	}
	for key, value := range f.Labels {
		if len(value) > 63 {
			return fmt.Errorf("label %s has %d characters, 63 are allowed", key, len(value))
		}
	}
	return nil
}

// readEnvironment applies the environment files in their order: the last wins.
func (f *Function) readEnvironment(root string) error {
	if f.Environment == nil {
		f.Environment = map[string]string{}
	}
	for _, path := range f.EnvironmentFile {
		raw, err := os.ReadFile(below(root, path))
		if err != nil {
			return fmt.Errorf("its environment_file %s cannot be read: %w", path, errors.Unwrap(err))
		}
		var file struct {
			Environment map[string]string `yaml:"environment"`
		}
		if err := yaml.Unmarshal(raw, &file); err != nil {
			return fmt.Errorf("its environment_file %s: %s", path, oneLine(err))
		}
		for key, value := range file.Environment {
			f.Environment[key] = value
		}
	}
	return nil
}

func below(root, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(root, path)
}

func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}
