package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Row is one ratio: a figure against its baseline.
type Row struct {
	What, Figure, Baseline string
	Ratio                  float64
	Target                 Target
}

// Table is what a measure tells beside its ratios.
type Table struct {
	Title string
	Note  string
	Head  []string
	Rows  [][]string
}

// Result is what one measure has found.
type Result struct {
	Rows   []Row
	Tables []Table
	Plots  []Plot
}

// Report is all of one run.
type Report struct {
	Began   time.Time
	Took    time.Duration
	Machine []string
	Results []Result
}

const preface = `# How fast it is

Made by ` + "`make bench`" + `; each ratio is the median of rounds that take turns with their baseline, in the same run, so that the moods of the machine meet both. Absolute figures are of this machine, which runs everything at the same time:
the load generator, the gateway, the functions, the trigger, PostgreSQL, Redis and NATS, all with their settings of production (every commit and every acknowledgement is on disk). "Does nothing" means the same door, the same token and the
same way through the gateway, and nothing behind it. The message that a buyer gets of an order is left out: push-message hears of none here. In an open loop a call counts from the moment at which it should have been sent.
Of the chat, people are raw WebSocket clients in one process of their own; where the baseline of a row is a time or a size that was not measured, it is the limit that was set.

`

// Markdown is the report as text.
func (r Report) Markdown() string {
	var out strings.Builder
	out.WriteString(preface)
	for _, line := range r.Machine {
		out.WriteString("* " + line + "\n")
	}
	fmt.Fprintf(&out, "* measured %s, in %s\n\n", r.Began.UTC().Format("2006-01-02 15:04 UTC"), r.Took.Round(time.Second))
	ratios := Table{Title: "Ratios", Head: []string{"what", "figure", "baseline", "ratio", "wanted", "holds"}}
	for _, result := range r.Results {
		for _, row := range result.Rows {
			ratios.Rows = append(ratios.Rows, []string{
				row.What, row.Figure, row.Baseline, fmt.Sprintf("%.2f", row.Ratio), row.Target.String(), row.Target.met(row.Ratio)})
		}
	}
	ratios.write(&out)
	for _, result := range r.Results {
		for _, t := range result.Tables {
			t.write(&out)
		}
		for _, p := range result.Plots {
			fmt.Fprintf(&out, "![%s](%s.png)\n\n", p.Title, p.Name)
		}
	}
	return strings.TrimRight(out.String(), "\n") + "\n"
}

func (t Table) write(out *strings.Builder) {
	fmt.Fprintf(out, "## %s\n\n", t.Title)
	if t.Note != "" {
		out.WriteString(t.Note + "\n\n")
	}
	line := func(cells []string) { out.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(t.Head)
	out.WriteString(strings.Repeat("|---", len(t.Head)) + "|\n")
	for _, row := range t.Rows {
		line(row)
	}
	out.WriteString("\n")
}

// Write puts results.md and the plots into a folder.
func (r Report) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // it is to be read
		return fmt.Errorf("making the folder of the report: %w", err)
	}
	for _, result := range r.Results {
		for _, p := range result.Plots {
			if err := p.write(filepath.Join(dir, p.Name+".png")); err != nil {
				return err
			}
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "results.md"), []byte(r.Markdown()), 0o644); err != nil { //nolint:gosec // the same
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}
