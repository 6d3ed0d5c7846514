package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"bazaar/infra/trigger"
)

type list struct {
	Function string `arg:"" optional:"" help:"Only the letters of this function."`
}

// Run prints a table.
func (c list) Run(d *desk) error {
	table := tabwriter.NewWriter(d.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "SEQ\tFUNCTION\tEVENT\tTYPE\tKIND\tATTEMPTS\tAT\tREASON")
	err := d.letters.Each(d.ctx, c.Function, func(l trigger.Letter) error {
		_, err := fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", l.Seq, l.Function, l.Event, l.Topic,
			l.Kind, l.Attempts, l.At.Format(time.RFC3339), brief(l.Reason))
		return err
	})
	return errors.Join(err, table.Flush())
}

// brief is the beginning of a long reason; show has all of it.
func brief(reason string) string {
	const most = 80
	if runes := []rune(reason); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return reason
}

type show struct {
	Seq uint64 `arg:"" help:"The letter's number in the list."`
}

// Run prints one letter.
func (c show) Run(d *desk) error {
	l, err := d.letters.Read(d.ctx, c.Seq)
	if err != nil {
		return err
	}
	body := bytes.NewBuffer(nil)
	if json.Indent(body, l.Body, "", "  ") != nil {
		body = bytes.NewBufferString(fmt.Sprintf("%q", l.Body)) // no JSON: shown so that it cannot play with the terminal
	}
	_, err = fmt.Fprintf(d.out, "seq       %d\nfunction  %s\nevent     %s\ntype      %s\nkind      %s\nreason    %s\nattempts  %d\nat        %s\norigin    %s\ntrace     %s\n\n%s\n",
		l.Seq, l.Function, l.Event, l.Topic, l.Kind, l.Reason, l.Attempts, l.At.Format(time.RFC3339), l.Origin, l.TraceParent, body)
	return err
}

// choice names one letter or all of a function.
type choice struct {
	Seq uint64 `arg:"" optional:"" help:"The letter's number in the list."`
	All string `placeholder:"FUNCTION" help:"All letters that this function has now."`
}

// each does f to the chosen letters. They are read first: one that dies again
// meanwhile is not among them.
func (c choice) each(d *desk, done string, f func(seq uint64) error) error {
	seqs := []uint64{c.Seq}
	switch {
	case (c.Seq == 0) == (c.All == ""):
		return errors.New("name one letter, or a function with --all")
	case c.All != "":
		seqs = nil
		if err := d.letters.Each(d.ctx, c.All, func(l trigger.Letter) error {
			seqs = append(seqs, l.Seq)
			return nil
		}); err != nil {
			return err
		}
	}
	for _, seq := range seqs {
		if err := f(seq); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(d.out, done, seq); err != nil {
			return err
		}
	}
	return nil
}

type redrive struct{ choice }

// Run sends letters back.
func (c redrive) Run(d *desk) error {
	return c.each(d, "redriven", func(seq uint64) error { return d.letters.Redrive(d.ctx, seq) })
}

type drop struct{ choice }

// Run forgets letters.
func (c drop) Run(d *desk) error {
	return c.each(d, "dropped", func(seq uint64) error { return d.letters.Drop(d.ctx, seq) })
}

type unbind struct {
	Function string `arg:"" help:"The function that is gone."`
}

// Run deletes what the trigger keeps for a function.
func (c unbind) Run(d *desk) error {
	streams, err := d.letters.Unbind(d.ctx, c.Function)
	for _, stream := range streams {
		if _, err := fmt.Fprintln(d.out, "deleted the consumer", c.Function, "of", stream); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(d.out, "removed the schedule of", c.Function)
	return err
}
