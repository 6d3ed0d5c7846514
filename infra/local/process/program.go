// Package process keeps a program running: it starts it in a process group of
// its own, tells when it answers, starts it again with a growing pause when it
// dies, and stops it with everything it started. On Linux no child outlives the
// process that supervises it, however that one ends.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

const (
	firstPause = 250 * time.Millisecond
	longPause  = 15 * time.Second
	wellAfter  = 10 * time.Second // who lived that long begins with the first pause again
	probeEvery = 25 * time.Millisecond
)

// Command is what to run. The environment is exactly Env: nothing is inherited.
type Command struct {
	Path string
	Args []string
	Env  []string
	Dir  string
}

// Program is one supervised process. Its fields are set before Run.
type Program struct {
	Name string
	// Command is asked before every start, so that a port that has been taken
	// meanwhile can be replaced. An error counts as a death.
	Command func() (Command, error)
	// Ready is one short probe; nil means that the program answers. A nil Ready
	// takes a program for ready once it runs.
	Ready func(ctx context.Context) error
	// Out makes the writer of what one start says on both outputs; it is closed
	// when that start has ended.
	Out func() io.WriteCloser
	// Watch is told what happens, in order, from the goroutine of Run.
	Watch func(Event)
	// Grace is how long the program may take to end after SIGTERM; after it, SIGKILL.
	Grace time.Duration
	// LongestPause bounds the pause before it is started again; 0 is 15 s.
	LongestPause time.Duration
}

// Kind says what happened to a program.
type Kind string

// What may happen to a program.
const (
	Started Kind = "started" // it runs, as Pid
	Ready   Kind = "ready"   // it answers
	Died    Kind = "died"    // it ended by itself because of Err; the next start comes after Pause
	Stopped Kind = "stopped" // Run ended it
)

// Event is one thing that happened to a program.
type Event struct {
	Kind Kind
	Pid  int
	Err  error
	// Pause until the next start; Deaths counts those since it last was well.
	Pause  time.Duration
	Deaths int
}

// Run keeps the program running until ctx ends, then stops it. It returns when
// the program has ended.
func (p *Program) Run(ctx context.Context) {
	deaths := 0
	for {
		began := time.Now()
		err := p.once(ctx)
		if ctx.Err() != nil {
			p.Watch(Event{Kind: Stopped, Err: err})
			return
		}
		if time.Since(began) > wellAfter {
			deaths = 0
		}
		deaths++
		pause := p.pauseAfter(deaths)
		p.Watch(Event{Kind: Died, Err: err, Pause: pause, Deaths: deaths})
		select {
		case <-ctx.Done():
			p.Watch(Event{Kind: Stopped})
			return
		case <-time.After(pause):
		}
	}
}

// pauseAfter doubles from the first pause to the longest one.
func (p *Program) pauseAfter(deaths int) time.Duration {
	longest := p.LongestPause
	if longest == 0 {
		longest = longPause
	}
	pause := firstPause
	for range deaths - 1 {
		if pause *= 2; pause >= longest {
			break
		}
	}
	return min(pause, longest)
}

// once runs the program to its end. It is never nil when the program ended by itself.
func (p *Program) once(ctx context.Context) error {
	command, err := p.Command()
	if err != nil {
		return err
	}
	out := p.Out()
	defer out.Close()
	cmd := exec.Command(command.Path, command.Args...)
	cmd.Env, cmd.Dir = command.Env, command.Dir
	if cmd.Env == nil {
		cmd.Env = []string{} // nil would mean ours
	}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = 2 * time.Second
	cmd.SysProcAttr = attributes()

	started, ended := make(chan error, 1), make(chan error, 1)
	go attend(cmd, started, ended)
	if err := <-started; err != nil {
		return fmt.Errorf("starting %s: %w", p.Name, err)
	}
	group := cmd.Process.Pid
	defer func() { _ = syscall.Kill(-group, syscall.SIGKILL) }() // what it left behind
	p.Watch(Event{Kind: Started, Pid: group})

	live, stop := context.WithCancel(ctx)
	defer stop()
	ready := make(chan struct{})
	go p.probe(live, ready)
	for {
		select {
		case <-ready:
			ready = nil
			p.Watch(Event{Kind: Ready, Pid: group})
		case err := <-ended:
			if err == nil {
				err = errors.New("it ended by itself")
			}
			return err
		case <-ctx.Done():
			return p.end(group, ended)
		}
	}
}

// attend starts cmd and waits for it on one thread: the kernel takes the end of
// the thread that started a child for the end of its parent.
func attend(cmd *exec.Cmd, started, ended chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Start()
	started <- err
	if err == nil {
		ended <- cmd.Wait()
	}
}

func (p *Program) end(group int, ended <-chan error) error {
	if err := syscall.Kill(group, syscall.SIGTERM); err != nil {
		return <-ended // it has gone already
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(p.Grace):
		_ = syscall.Kill(-group, syscall.SIGKILL)
		<-ended
		return fmt.Errorf("%s did not end within %s and was killed", p.Name, p.Grace)
	}
}

// probe closes ready when the program answers; it gives up when ctx ends.
func (p *Program) probe(ctx context.Context, ready chan<- struct{}) {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for p.Ready != nil && p.Ready(ctx) != nil {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
	if ctx.Err() == nil {
		close(ready)
	}
}
