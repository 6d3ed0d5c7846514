package local

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// State is what runs, as it stands in state.json of the folder: for tests and
// tools that want to find, pause or kill a part.
type State struct {
	Pid       int    `json:"pid"` // the runner's
	Gateway   string `json:"gateway"`
	Secrets   string `json:"secrets"` // folder with a file for each secret
	Logs      string `json:"logs"`    // folder with <name>.log
	Processes []Part `json:"processes"`
}

// Part is one process.
type Part struct {
	Name     string `json:"name"`     // the function, trigger, connector, paysim, postgres, redis or nats
	Instance string `json:"instance"` // the name, of a function or connector with its number: echo-1
	Kind     string `json:"kind"`     // function, service or store
	Pid      int    `json:"pid"`      // 0 while it does not run
	Ready    bool   `json:"ready"`
	Port     int    `json:"port"`
	Metrics  int    `json:"metrics_port,omitempty"`
	// Address is how it is reached: a URL, of Redis host:port. No password is in it.
	Address string `json:"address"`
}

// board keeps the State and writes it whenever it changes.
type board struct {
	path string

	mu    sync.Mutex
	state State
}

// change applies a change to the part of this instance, which it makes when it
// is new. A file that cannot be written is no reason to stop what runs.
func (b *board) change(instance string, change func(*Part)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.state.Processes, func(p Part) bool { return p.Instance == instance })
	if i < 0 {
		b.state.Processes = append(b.state.Processes, Part{Name: instance, Instance: instance})
		i = len(b.state.Processes) - 1
	}
	change(&b.state.Processes[i])
	_ = b.write()
}

// forget takes the part of this instance out.
func (b *board) forget(instance string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state.Processes = slices.DeleteFunc(b.state.Processes, func(p Part) bool { return p.Instance == instance })
	_ = b.write()
}

func (b *board) write() error {
	slices.SortStableFunc(b.state.Processes, func(x, y Part) int { return strings.Compare(x.Instance, y.Instance) })
	text, err := json.MarshalIndent(b.state, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the state: %w", err)
	}
	if err := os.WriteFile(b.path+".part", append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}
	return os.Rename(b.path+".part", b.path)
}

func (b *board) remove() { _ = os.Remove(b.path) }

// ReadState reads the state of the runner that works in dir.
func ReadState(dir string) (State, error) {
	var s State
	text, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if err != nil {
		return s, fmt.Errorf("reading the runner's state: %w", err)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("reading the runner's state: %w", err)
	}
	return s, nil
}
