package local

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Options say what to run and where. The flags of the command are the same.
type Options struct {
	Dir    string // everything that is kept: data, secrets, logs, programs
	Listen string // where the gateway listens
	Stack  string // the stack file
	Buyers int    // how many demo buyers there are at least
	// Connectors is how many processes hold the sockets of the chat; without one
	// there is no page of the chat either.
	Connectors int

	Replicas map[string]int               // processes behind a function's name; 1 unless said
	Set      map[string]map[string]string // per function or service: environment above stack.yml's

	Bin string // where the programs are built; several runners may share it. Empty: in Dir

	PaysimClock float64 // how many times faster than real the provider notifies again
	// LongestPause bounds the pause before a program that dies again and again is
	// started; 0 is the usual one.
	LongestPause time.Duration
	Race         bool   // build with the race detector
	Tags         string // build with these tags, comma-separated
	NoInstall    bool   // install no missing server
	Forget       bool   // forget everything when it ends
	// Bare runs the functions and the gateway only: STORES says where the stores are.
	Bare bool
}

// check completes the options and says what is wrong with them.
func (o *Options) check() error {
	if o.Dir == "" || o.Stack == "" || o.Listen == "" {
		return fmt.Errorf("--dir, --stack and --listen must not be empty")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return fmt.Errorf("finding %s: %w", o.Dir, err)
	}
	o.Dir = dir
	if o.Bin == "" {
		o.Bin = filepath.Join(dir, "bin")
	}
	if o.Bin, err = filepath.Abs(o.Bin); err != nil {
		return fmt.Errorf("finding %s: %w", o.Bin, err)
	}
	if o.Connectors < 0 || o.Connectors > maxReplicas {
		return fmt.Errorf("--connectors should be a number from 0 to %d", maxReplicas)
	}
	if o.PaysimClock <= 0 {
		o.PaysimClock = 1
	}
	return nil
}

// ParseReplicas reads name=N.
func (o *Options) ParseReplicas(text string) error {
	name, number, _ := strings.Cut(text, "=")
	n, err := strconv.Atoi(number)
	if err != nil || name == "" || n < 1 || n > maxReplicas {
		return fmt.Errorf("%q should be name=N, with N from 1 to %d", text, maxReplicas)
	}
	if o.Replicas == nil {
		o.Replicas = map[string]int{}
	}
	o.Replicas[name] = n
	return nil
}

// ParseSet reads name.variable=value.
func (o *Options) ParseSet(text string) error {
	where, value, found := strings.Cut(text, "=")
	name, variable, dotted := strings.Cut(where, ".")
	if !found || !dotted || name == "" || variable == "" {
		return fmt.Errorf("%q should be name.variable=value", text)
	}
	if o.Set == nil {
		o.Set = map[string]map[string]string{}
	}
	if o.Set[name] == nil {
		o.Set[name] = map[string]string{}
	}
	o.Set[name][variable] = value
	return nil
}
