package local

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// screen is where the runner says what it does. On a terminal a line about
// something that goes on is written over by the next.
type screen struct {
	out      io.Writer
	terminal bool

	mu      sync.Mutex
	passing bool // the last line is to be written over
}

// newScreen says everything on out.
func newScreen(out io.Writer) *screen {
	file, ok := out.(*os.File)
	return &screen{out: out, terminal: ok && IsTerminal(file)}
}

// say writes a line that stays.
func (s *screen) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	fmt.Fprintf(s.out, format+"\n", args...)
}

// tell writes a line with the time: something happened by itself.
func (s *screen) tell(format string, args ...any) {
	s.say(time.Now().Format("15:04:05 ")+format, args...)
}

// pass writes a line that the next one replaces; elsewhere than on a terminal
// it is a line like any other.
func (s *screen) pass(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	if !s.terminal {
		fmt.Fprintf(s.out, format+"\n", args...)
		return
	}
	fmt.Fprintf(s.out, format, args...)
	s.passing = true
}

func (s *screen) clear() {
	if s.passing {
		fmt.Fprint(s.out, "\r\x1b[K")
		s.passing = false
	}
}

// IsTerminal reports whether f is shown to somebody. It takes every character device for one: what else there is, such as
// /dev/null, minds nothing.
func IsTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
