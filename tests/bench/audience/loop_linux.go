package audience

import (
	"container/heap"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// loop is the one goroutine that everybody of the audience lives on; only the
// senders of a Talk and the calls of sync-messages are beside it.
type loop struct {
	poll   int
	wakes  [2]int    // a pipe: reading and writing end
	people []*person // by descriptor
	sets   map[string]*set
	timers timers
	buffer []byte
	now    time.Time
	waits  []Order
	task   task
	talk   *talk // the task, if it is one
	asks   asks
	out    *json.Encoder

	mu    sync.Mutex
	inbox []func() // what other goroutines want done here
	ended bool     // no more orders come
}

// task is an order that takes time. It says when it is done.
type task interface {
	done(l *loop) (Answer, bool)
}

// Serve does what in says until it ends.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	l := &loop{sets: map[string]*set{}, buffer: make([]byte, 1<<18), out: json.NewEncoder(out), people: make([]*person, 1<<16)}
	var err error
	if l.poll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("making the loop: %w", err)
	}
	defer func() { _ = unix.Close(l.poll) }()
	if err := unix.Pipe2(l.wakes[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return fmt.Errorf("making the loop: %w", err)
	}
	defer func() { _, _ = unix.Close(l.wakes[0]), unix.Close(l.wakes[1]) }()
	if err := l.listen(l.wakes[0], unix.EPOLL_CTL_ADD, unix.EPOLLIN); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { l.do(func() { l.ended = true }) })
	defer stop()
	read := make(chan error, 1)
	go func() {
		read <- orders(in, func(o Order) { l.do(func() { l.waits = append(l.waits, o) }) })
		l.do(func() { l.ended = true })
	}()
	defer l.closeAll()
	if err := l.run(); err != nil || ctx.Err() != nil {
		return err
	}
	return <-read
}

// do has f run on the loop.
func (l *loop) do(f func()) {
	l.mu.Lock()
	l.inbox = append(l.inbox, f)
	l.mu.Unlock()
	_, _ = unix.Write(l.wakes[1], []byte{1}) // a full pipe wakes as well
}

func (l *loop) run() error {
	events := make([]unix.EpollEvent, 1024)
	for !l.ended {
		n, err := unix.EpollWait(l.poll, events, l.patience())
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("waiting: %w", err)
		}
		l.now = time.Now()
		for _, e := range events[:max(n, 0)] {
			if int(e.Fd) == l.wakes[0] {
				l.hear()
			} else if p := l.people[e.Fd]; p != nil {
				l.now = time.Now()
				p.turn(e.Events)
			}
		}
		for len(l.timers) > 0 && !l.timers[0].at.After(l.now) {
			heap.Pop(&l.timers).(timer).f()
		}
		if err := l.work(); err != nil {
			return err
		}
	}
	return nil
}

// hear does what others want done.
func (l *loop) hear() {
	for {
		if n, err := unix.Read(l.wakes[0], l.buffer); n <= 0 || err != nil {
			break
		}
	}
	l.mu.Lock()
	todo := l.inbox
	l.inbox = nil
	l.mu.Unlock()
	for _, f := range todo {
		f()
	}
}

// work begins the next order, and answers the one that is done.
func (l *loop) work() error {
	for {
		if l.task == nil {
			if len(l.waits) == 0 {
				return nil
			}
			o := l.waits[0]
			l.waits = l.waits[1:]
			l.begin(o)
		}
		answer, done := l.task.done(l)
		if !done {
			return nil
		}
		l.task, l.talk = nil, nil
		if err := l.out.Encode(answer); err != nil {
			return fmt.Errorf("answering: %w", err)
		}
	}
}

// begin makes an order the task.
func (l *loop) begin(o Order) {
	var err error
	switch {
	case o.Join != nil:
		l.task, err = l.join(*o.Join)
	case o.Talk != nil:
		l.talk, err = l.speak(*o.Talk)
		l.task = l.talk
	case o.Await != nil:
		l.task, err = l.await(*o.Await)
	case o.Leave != nil:
		l.task, err = l.leave(*o.Leave)
	default:
		err = fmt.Errorf("an order says nothing")
	}
	if err != nil {
		l.task = said{Answer{Error: err.Error()}}
	}
}

// said is a task that is done.
type said struct{ answer Answer }

func (s said) done(*loop) (Answer, bool) { return s.answer, true }

// patience is how long to wait for the sockets, in milliseconds.
func (l *loop) patience() int {
	wait := 100 * time.Millisecond // tasks have ends of their own
	if len(l.timers) > 0 {
		wait = min(wait, time.Until(l.timers[0].at))
	}
	return max(0, int((wait+time.Millisecond-1)/time.Millisecond))
}

// after has f run on the loop in a while.
func (l *loop) after(d time.Duration, f func()) {
	heap.Push(&l.timers, timer{l.now.Add(d), f})
}

func (l *loop) listen(fd, how int, events uint32) error {
	if err := unix.EpollCtl(l.poll, how, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}); err != nil {
		return fmt.Errorf("listening to a socket: %w", err)
	}
	return nil
}

func (l *loop) closeAll() {
	for _, p := range l.people {
		if p != nil {
			p.close()
		}
	}
}

// timers is a heap of what is to be done when.
type timers []timer

type timer struct {
	at time.Time
	f  func()
}

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at.Before(t[j].at) }
func (t timers) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *timers) Push(x any)        { *t = append(*t, x.(timer)) }
func (t *timers) Pop() any {
	last := len(*t) - 1
	x := (*t)[last]
	(*t)[last] = timer{}
	*t = (*t)[:last]
	return x
}
