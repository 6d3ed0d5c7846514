// Command mutant shows that the tests watch what the house rests on: it takes
// one guard away, runs the tests that ought to notice, wants to see one of them
// fail, and goes on to the next guard. Each mutant is data: what is replaced in
// which file, and the tests. The sources are never touched, since the go
// command is told to read other files in their place; so are the programs that
// tests build. It owns nothing, and leaves nothing but what is in Go's cache.
//
//	mutant                    all of them
//	mutant oversell sign-out  these alone
//
// It exits with 1 when a mutant survives, and when one says nothing: it does
// not compile, hangs, or breaks more than its guard.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"
)

// options are the command line.
type options struct {
	Mutants []string `arg:"" optional:"" help:"Names of mutants; all unless said."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var o options
	kong.Parse(&o, kong.Name("mutant"), kong.Description("Takes guards away and wants to see tests fail."))
	if err := run(ctx, o, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "mutant:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out, progress io.Writer) error {
	chosen, err := choose(mutants(), o.Mutants)
	if err != nil {
		return err
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	s := suite{root}
	tests := named(chosen)
	for _, pkg := range slices.Sorted(maps.Keys(tests)) {
		began := time.Now()
		o, err := s.run(ctx, "", pkg, tests[pkg])
		if err != nil {
			return fmt.Errorf("running the tests of %s with every guard in its place: %w", pkg, err)
		}
		if len(o.failed) > 0 {
			return fmt.Errorf("with every guard in its place %s fails in %s: %s", o.failed[0], pkg, o.output)
		}
		fmt.Fprintf(progress, "%-32s green with every guard  %5.1f s\n", pkg, time.Since(began).Seconds())
	}
	var verdicts []verdict
	for _, m := range chosen {
		v := s.try(ctx, m)
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		verdicts = append(verdicts, v)
		fmt.Fprintf(progress, "%-32s %s  %5.1f s\n", v.name, v.short(), v.took.Seconds())
	}
	return tell(out, verdicts)
}

// choose gives the mutants with these names, in the list's order; all where no
// name is given.
func choose(all []mutant, names []string) ([]mutant, error) {
	if len(names) == 0 {
		return all, nil
	}
	var known []string
	for _, m := range all {
		known = append(known, m.name)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("there is no mutant %s: take from %s", name, strings.Join(known, ", "))
		}
	}
	return slices.DeleteFunc(all, func(m mutant) bool { return !slices.Contains(names, m.name) }), nil
}

// named gives the tests that mutants name, each once, by the folder they are in.
func named(list []mutant) map[string][]string {
	tests := map[string][]string{}
	for _, m := range list {
		for _, t := range m.tests() {
			if !slices.Contains(tests[m.pkg], t) {
				tests[m.pkg] = append(tests[m.pkg], t)
			}
		}
	}
	return tests
}

func (v verdict) short() string {
	switch {
	case v.err != nil:
		return "NO VERDICT"
	case v.noticed == "":
		return "SURVIVED"
	}
	return v.noticed
}

// tell prints the table. Its error sums up what is not as it should be.
func tell(out io.Writer, verdicts []verdict) error {
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| mutant\t| guard that is gone\t| noticed by\t| seconds\t|")
	fmt.Fprintln(w, "|---\t|---\t|---\t|---\t|")
	var wrong []error
	for _, v := range verdicts {
		fmt.Fprintf(w, "| %s\t| %s\t| %s\t| %.1f\t|\n", v.name, v.guard, v.short(), v.took.Seconds())
		switch {
		case v.err != nil:
			wrong = append(wrong, fmt.Errorf("%s says nothing: %w", v.name, v.err))
		case v.noticed == "":
			wrong = append(wrong, fmt.Errorf("%s survived: %s passed without it", v.name, strings.Join(v.red, ", ")))
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("printing the table: %w", err)
	}
	return errors.Join(wrong...)
}
