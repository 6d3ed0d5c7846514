package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"bazaar/infra/invariant"
)

// shownRows is how many rows of what breaks a rule are shown.
const shownRows = 10

// report is what was seen.
type report struct {
	At         time.Time
	Findings   []invariant.Finding
	Underway   []invariant.Figure
	Unresolved []invariant.Figure
	Dead       []letters
	Unseen     []string // what was not looked at, and why
}

// held reports whether every rule holds.
func (r report) held() bool { return r.brokenRules() == 0 }

func (r report) brokenRules() int {
	n := 0
	for _, f := range r.Findings {
		if f.Broken > 0 {
			n++
		}
	}
	return n
}

// text prints a table for a person, and below it what there is to say.
func (r report) text(out io.Writer) error {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "RULE\tMEANS\tRESULT\tTIME")
	for _, f := range r.Findings {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", f.Rule.Name, f.Rule.Means, result(f), brief(f.Took))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, f := range r.Findings {
		if f.Broken == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n%s is broken by %d:\n", f.Rule.Name, f.Broken)
		for _, row := range f.Rows {
			fmt.Fprintf(&b, "  %s\n", plain(row))
		}
		if more := f.Broken - int64(len(f.Rows)); more > 0 {
			fmt.Fprintf(&b, "  and %d more\n", more)
		}
	}
	figures(&b, "on its way", r.Underway)
	figures(&b, "for a person", r.Unresolved)
	r.deadText(&b)
	b.WriteByte('\n')
	for _, what := range r.Unseen {
		fmt.Fprintf(&b, "not looked at: %s\n", what)
	}
	if n := r.brokenRules(); n > 0 {
		fmt.Fprintf(&b, "%d of %d rules are broken\n", n, len(r.Findings))
	} else {
		fmt.Fprintf(&b, "all %d rules hold\n", len(r.Findings))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func result(f invariant.Finding) string {
	if f.Broken == 0 {
		return "ok"
	}
	return fmt.Sprintf("%d broken", f.Broken)
}

func figures(b *strings.Builder, title string, all []invariant.Figure) {
	fmt.Fprintf(b, "\n%s:", title)
	none := true
	for _, f := range all {
		if f.Count > 0 {
			none = false
			fmt.Fprintf(b, "\n  %s, the oldest for %s", f, brief(f.Oldest))
		}
	}
	if none {
		b.WriteString(" nothing")
	}
	b.WriteByte('\n')
}

func (r report) deadText(b *strings.Builder) {
	if len(r.Dead) == 0 {
		return
	}
	b.WriteString("\ndead letters:\n")
	for _, l := range r.Dead {
		why := "given up"
		if l.Poison {
			why = "died of what they are"
		}
		fmt.Fprintf(b, "  %d of %s, %s (%s), the first %s\n", l.Count, plain(l.Function), plain(l.Kind), why, l.First.Format(time.RFC3339))
	}
}

// brief is a duration as short as it is clear.
func brief(d time.Duration) string {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(100 * time.Microsecond).String()
}

// plain keeps what others wrote from playing with the terminal.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// json prints the same for a program.
func (r report) json(out io.Writer) error {
	type rule struct {
		Rule    string   `json:"rule"`
		Means   string   `json:"means"`
		Settled bool     `json:"settled"`
		Broken  int64    `json:"broken"`
		Rows    []string `json:"rows"`
		Took    float64  `json:"took_ms"`
	}
	type figure struct {
		Name   string  `json:"name"`
		Means  string  `json:"means"`
		Count  int64   `json:"count"`
		Oldest float64 `json:"oldest_s"`
	}
	all := struct {
		Held       bool      `json:"held"`
		At         time.Time `json:"at"`
		Rules      []rule    `json:"rules"`
		Underway   []figure  `json:"underway"`
		Unresolved []figure  `json:"unresolved"`
		Dead       []letters `json:"dead_letters"`
		Unseen     []string  `json:"unseen"`
	}{Held: r.held(), At: r.At, Dead: append([]letters{}, r.Dead...), Unseen: append([]string{}, r.Unseen...)}
	for _, f := range r.Findings {
		all.Rules = append(all.Rules, rule{f.Rule.Name, f.Rule.Means, f.Rule.Settled, f.Broken, append([]string{}, f.Rows...), f.Took.Seconds() * 1000})
	}
	convert := func(from []invariant.Figure) []figure {
		to := make([]figure, len(from))
		for i, f := range from {
			to[i] = figure{f.Name, f.Means, f.Count, f.Oldest.Seconds()}
		}
		return to
	}
	all.Underway, all.Unresolved = convert(r.Underway), convert(r.Unresolved)
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(all)
}
