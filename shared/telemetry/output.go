package telemetry

import (
	"io"
	"sync"
	"time"
)

const (
	// maxKeptLine is the longest buffer that is used again, in bytes.
	maxKeptLine = 16 << 10
	// holding is how long a line may wait for others, and mostHeld how many bytes
	// may: a write of its own for each call costs as much as making its line, and
	// wakes who reads the log.
	holding  = 5 * time.Millisecond
	mostHeld = 32 << 10
)

// output is where the lines of a process go, whole and in their order.
type output struct {
	// buffers are for one line each.
	buffers sync.Pool

	mu    sync.Mutex
	w     io.Writer
	held  []byte
	timer *time.Timer // writes what is held; nil until something is
}

func newOutput(w io.Writer) *output {
	return &output{w: w, buffers: sync.Pool{New: func() any {
		b := make([]byte, 0, 1024)
		return &b
	}}}
}

// now writes a line, behind those that are held.
func (o *output) now(line []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	held := o.write()
	if _, err := o.w.Write(line); err != nil {
		return err
	}
	return held
}

// soon holds a line for a moment.
func (o *output) soon(line []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.held) == 0 {
		if o.timer == nil {
			o.timer = time.AfterFunc(holding, func() { _ = o.flush() })
		} else {
			o.timer.Reset(holding)
		}
	}
	if o.held = append(o.held, line...); len(o.held) < mostHeld {
		return nil
	}
	return o.write()
}

// flush writes what is held.
func (o *output) flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.write()
}

// write wants o.mu held.
func (o *output) write() error {
	if len(o.held) == 0 {
		return nil
	}
	o.timer.Stop()
	_, err := o.w.Write(o.held)
	o.held = o.held[:0]
	return err
}
