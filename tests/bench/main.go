// Command bench measures how fast the house is, on one machine, as ratios to
// baselines that are measured in the same run, in turns. It starts what it
// measures (the whole system by its local runner), puts load on it, and writes
// a table and plots. It checks no figure: a machine that is busy would fail it.
//
//	bench                       everything; the report goes to tests/bench/report
//	bench accept drain          these alone, printed
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// options are the command line.
type options struct {
	Measures []string `arg:"" optional:"" help:"What to measure: fn, gateway, cold, accept, drain, latency; of the chat memory, groups, crowd, direct, durable, reconnect, slow. All unless said."`
	Report   string   `help:"Folder for results.md and the plots (default: tests/bench/report when everything is measured, else none)."`
	Scale    float64  `default:"1" help:"How many times longer than usual to measure."`
	People   float64  `default:"1" help:"What part of the usual number of people the measures of the chat have."`
	Million  int      `default:"1000000" help:"How many orders the filled tables of latency have."`
}

// measure is one thing that can be measured alone.
type measure struct {
	name string
	run  func(context.Context, *bench) (Result, error)
}

func measures() []measure {
	return []measure{
		{"fn", measureRuntime},
		{"cold", measureCold},
		{"gateway", measureGateway},
		{"accept", measureAccept},
		{"drain", measureDrain},
		{"latency", measureLatency},
		{"memory", chatting(measureMemory)},
		{"groups", chatting(measureGroups)},
		{"crowd", chatting(measureCrowd)},
		{"direct", chatting(measureDirect)},
		{"durable", chatting(measureDurable)},
		{"reconnect", chatting(measureReconnect)},
		{"slow", chatting(measureSlow)},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if target := os.Getenv(proxyTarget); target != "" {
		if err := serveProxy(ctx, target, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	if part := os.Getenv(childOf); part != "" {
		if err := serveChild(ctx, part, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench, "+part+":", err)
			os.Exit(1)
		}
		return
	}
	var o options
	kong.Parse(&o, kong.Name("bench"), kong.Description("Measures the house."))
	if err := run(ctx, o, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out, progress io.Writer) (err error) {
	chosen, err := choose(o.Measures)
	if err != nil {
		return err
	}
	if o.Report == "" && len(o.Measures) == 0 {
		o.Report = "tests/bench/report"
	}
	b := &bench{options: o, progress: progress, began: time.Now(), load: loadAverage()}
	defer func() { err = errors.Join(err, b.stop()) }()
	report := Report{Began: b.began}
	var failed []error // the others are measured all the same
	for _, m := range chosen {
		b.say("measuring %s", m.name)
		result, err := m.run(ctx, b)
		if err != nil {
			b.say("%s failed: %s", m.name, err)
			failed = append(failed, fmt.Errorf("measuring %s: %w", m.name, err))
			continue
		}
		report.Results = append(report.Results, result)
	}
	report.Took = time.Since(b.began)
	if report.Machine, err = machine(ctx, b); err != nil {
		failed = append(failed, err) // what was measured is told all the same
	}
	if _, err := io.WriteString(out, report.Markdown()); err != nil {
		return fmt.Errorf("printing the report: %w", err)
	}
	if o.Report != "" {
		failed = append(failed, report.Write(o.Report))
	}
	return errors.Join(failed...)
}

func choose(names []string) ([]measure, error) {
	all := measures()
	if len(names) == 0 {
		return all, nil
	}
	var known []string
	for _, m := range all {
		known = append(known, m.name)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("there is no measure %s: take from %s", name, strings.Join(known, ", "))
		}
	}
	return slices.DeleteFunc(all, func(m measure) bool { return !slices.Contains(names, m.name) }), nil
}
