package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// connections is how many callers wait for an answer at the same time where
// capacity is measured.
const connections = 64

// bench is one run: its options, and the systems that it has started so far.
type bench struct {
	options  options
	progress io.Writer
	began    time.Time
	load     string // of the machine when it began
	shops    map[string]*shop
	dir      string  // for stack files
	accepts  float64 // orders a second that the usual system accepts while it reserves; 0 before it is measured
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.progress, "%6.1f s  %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}

// long is a duration of a measurement, longer or shorter as the options say.
func (b *bench) long(d time.Duration) time.Duration {
	return time.Duration(float64(d) * b.options.Scale)
}

// shop starts a system under a name, once. The usual one is "usual"; the others
// differ from it by what change does to the text of its stack file.
func (b *bench) shop(ctx context.Context, name string, change func(stack string) (string, error)) (*shop, error) {
	if s := b.shops[name]; s != nil {
		return s, nil
	}
	b.say("starting the system: %s", name)
	if b.dir == "" {
		dir, err := os.MkdirTemp("", "bazaar-bench-")
		if err != nil {
			return nil, fmt.Errorf("making a folder for stack files: %w", err)
		}
		b.dir = dir
	}
	path := filepath.Join(b.dir, name+".yml")
	if err := writeStack(path, change); err != nil {
		return nil, err
	}
	s, err := openShop(ctx, path)
	if err != nil {
		return nil, err
	}
	if b.shops == nil {
		b.shops = map[string]*shop{}
	}
	b.shops[name] = s
	return s, nil
}

// usual is the system as stack.yml says.
func (b *bench) usual(ctx context.Context) (*shop, error) { return b.shop(ctx, "usual", nil) }

// end stops one system, so that it takes nothing from what is measured next.
func (b *bench) end(name string) error {
	s := b.shops[name]
	delete(b.shops, name)
	if s == nil {
		return nil
	}
	return s.Stop()
}

func (b *bench) stop() error {
	var errs []error
	for name := range b.shops {
		errs = append(errs, b.end(name))
	}
	if b.dir != "" {
		errs = append(errs, os.RemoveAll(b.dir))
	}
	return errors.Join(errs...)
}
