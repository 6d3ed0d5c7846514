package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"bazaar/tests/bench/audience"
)

const (
	// childOf in the environment makes this program a part of a measurement.
	childOf = "bench_child"
	// peoplePart is the name of the audience in tables.
	peoplePart = "people"
)

// people is the audience, as a process of its own.
type people struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

func gather(ctx context.Context) (*people, error) {
	p := &people{cmd: child(ctx, peoplePart)}
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("starting the people: %w", err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting the people: %w", err)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the people: %w", err)
	}
	p.out = json.NewDecoder(out)
	return p, nil
}

func (p *people) pid() int { return p.cmd.Process.Pid }

func (p *people) stop() error {
	err := p.in.Close()
	return errors.Join(err, p.cmd.Wait())
}

// ask gives an order and waits for what comes of it.
func (p *people) ask(o audience.Order) (audience.Answer, error) {
	var a audience.Answer
	if err := json.NewEncoder(p.in).Encode(o); err != nil {
		return a, fmt.Errorf("ordering the people: %w", err)
	}
	if err := p.out.Decode(&a); err != nil {
		return a, fmt.Errorf("hearing the people: %w", err)
	}
	if a.Error != "" {
		return a, fmt.Errorf("the people say: %s", a.Error)
	}
	return a, nil
}

func (p *people) join(j audience.Join) (audience.Joined, error) {
	a, err := p.ask(audience.Order{Join: &j})
	if err != nil {
		return audience.Joined{}, err
	}
	return *a.Joined, nil
}

func (p *people) leave(set string) error {
	_, err := p.ask(audience.Order{Leave: &audience.Leave{Set: set}})
	return err
}

// heard is what a talk has shown.
type heard struct {
	audience.Talked
	answer, delay, late *histogram
}

// talk has people speak; all that they say has to be stored and heard.
func (p *people) talk(t audience.Talk) (heard, error) {
	if t.Linger == 0 {
		t.Linger = audience.Duration(10 * time.Second)
	}
	a, err := p.ask(audience.Order{Talk: &t})
	if err != nil {
		return heard{}, err
	}
	h := heard{*a.Talked, histogramOf(a.Talked.Answer), histogramOf(a.Talked.Delay), histogramOf(a.Talked.Late)}
	if h.Sent != h.Planned || h.Got != h.Wanted {
		return h, fmt.Errorf("of %d messages %d were stored and %d refused; of %d deliveries %d came", h.Planned, h.Sent, h.Refused, h.Wanted, h.Got)
	}
	return h, nil
}

func histogramOf(s *audience.Histograph) *histogram { return &histogram{hdrhistogram.Import(s)} }

// mean is the average.
func (h *histogram) mean() time.Duration { return time.Duration(h.h.Mean()) }

// serveChild is this program as a part of a measurement.
func serveChild(ctx context.Context, as string, in io.Reader, out io.Writer) error {
	switch as {
	case peoplePart:
		return audience.Serve(ctx, in, out)
	case barePart:
		return serveBare(ctx, in, out)
	}
	return fmt.Errorf("there is no part %s", as)
}

// said has people speak, whoever hears it.
func (p *people) said(t audience.Talk) (audience.Talked, error) {
	t.Linger = audience.Duration(10 * time.Second)
	rooms := t.Rooms
	t.Rooms = nil
	for _, r := range rooms {
		r.Hearers = 0
		t.Rooms = append(t.Rooms, r)
	}
	a, err := p.ask(audience.Order{Talk: &t})
	if err != nil {
		return audience.Talked{}, err
	}
	if a.Talked.Sent != a.Talked.Planned {
		return *a.Talked, fmt.Errorf("of %d messages %d were stored", a.Talked.Planned, a.Talked.Sent)
	}
	return *a.Talked, nil
}
