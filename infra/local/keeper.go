package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"bazaar/infra/local/journal"
	"bazaar/infra/local/process"
)

const (
	// hopeless is how often a program may die before it ever answers.
	hopeless = 3
	// firstAnswer is how long it may take until it does.
	firstAnswer = 60 * time.Second
	// grace is how long one may take to end what it has begun.
	grace = 25 * time.Second
)

// keeper keeps one program running and tells the others how it is: the board,
// the screen and whoever waits for its first answer.
type keeper struct {
	part    Part // Name, Instance, Kind; the rest is set when it runs
	journal *journal.Journal
	board   *board
	screen  *screen
	// command sets the ports and the address of part and says what to run.
	command func(*Part) (process.Command, error)
	ready   func(context.Context, Part) error
	up      func(Part)    // it answers
	down    func()        // it has died
	gone    func()        // it is about to be ended
	longest time.Duration // pause before it is started again

	first    chan error // one value: nil when it answered for the first time, else why it never will
	answered bool
	stop     context.CancelFunc
	ended    chan struct{}
}

// start runs the program until end.
func (k *keeper) start(ctx context.Context) {
	k.first, k.ended = make(chan error, 1), make(chan struct{})
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	k.stop = stop
	program := &process.Program{
		Name:    k.part.Instance,
		Command: func() (process.Command, error) { return k.command(&k.part) },
		Ready:   func(ctx context.Context) error { return k.ready(ctx, k.part) },
		Out:     func() io.WriteCloser { return k.journal.Writer(k.part.Instance) },
		Watch:   k.watch,
		Grace:   grace, LongestPause: k.longest,
	}
	go func() {
		defer close(k.ended)
		program.Run(running)
	}()
}

// wait returns when the program has answered for the first time, or has died
// too often, or takes too long.
func (k *keeper) wait(ctx context.Context) error {
	late := time.NewTimer(firstAnswer)
	defer late.Stop()
	select {
	case err := <-k.first:
		return err
	case <-late.C:
		return fmt.Errorf("%s does not answer within %s; the end of its log:\n%s", k.part.Instance, firstAnswer, k.lastWords())
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end stops the program and waits for it.
func (k *keeper) end() {
	k.gone()
	k.stop()
	<-k.ended
}

func (k *keeper) watch(e process.Event) {
	switch e.Kind {
	case process.Started:
		k.show(e.Pid, false)
	case process.Ready:
		k.show(e.Pid, true)
		k.up(k.part)
		if k.answered {
			k.screen.tell("%s is back", k.part.Instance)
			return
		}
		k.answered = true
		k.first <- nil
	case process.Died:
		k.down()
		k.show(0, false)
		k.died(e)
	case process.Stopped:
		k.board.forget(k.part.Instance)
	}
}

func (k *keeper) died(e process.Event) {
	if !k.answered && e.Deaths == hopeless {
		k.first <- fmt.Errorf("%s does not start: %w; the end of its log:\n%s", k.part.Instance, e.Err, k.lastWords())
	}
	k.screen.tell("%s died (%s); starting it again in %s (log: log/%s.log)", k.part.Instance, e.Err, e.Pause, k.part.Name)
}

func (k *keeper) show(pid int, ready bool) {
	now := k.part
	now.Pid, now.Ready = pid, ready
	k.board.change(k.part.Instance, func(p *Part) { *p = now })
}

func (k *keeper) lastWords() string {
	var text strings.Builder
	for _, line := range k.journal.Last(10) {
		if line.Instance == k.part.Instance {
			fmt.Fprintf(&text, "  %s\n", line.Text)
		}
	}
	if text.Len() == 0 {
		return "  (it has said nothing)"
	}
	return strings.TrimRight(text.String(), "\n")
}

// waitAll waits for all of them and gives the first reason why it cannot go on.
func waitAll(ctx context.Context, keepers []*keeper) error {
	for _, k := range keepers {
		if err := k.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// endAll ends them at the same time.
func endAll(keepers []*keeper) {
	done := make(chan struct{})
	for _, k := range keepers {
		go func() { k.end(); done <- struct{}{} }()
	}
	for range keepers {
		<-done
	}
}

// errStopped says that the runner was told to stop before everything answered.
var errStopped = errors.New("stopped before everything was ready")
