// Package journal keeps what the processes of the local runner say: whole
// lines, in a file that rotates by size and, for whoever asks or follows, the
// latest of them in memory. It does not understand the lines.
package journal

import (
	"bytes"
	"context"
	"io"
	"sync"
	"time"
)

const (
	remembered = 2000     // lines in memory
	longest    = 64 << 10 // bytes of a line; more is cut into several
	behind     = 1000     // lines that a follower may be late by
)

// Line is one line that an instance of a program wrote.
type Line struct {
	Instance string
	Time     time.Time // when it was read, not when it was written
	Text     string
}

// Journal holds the lines of one program, whatever number of instances it has.
type Journal struct {
	out io.Writer

	mu        sync.Mutex
	ring      []Line // the latest, from next on when it is full
	next      int
	followers map[chan Line]struct{}
}

// New returns a journal that also writes every line to out.
func New(out io.Writer) *Journal {
	return &Journal{out: out, followers: map[chan Line]struct{}{}}
}

// Writer returns a writer for one instance. It gathers bytes to lines; what it
// holds of an unfinished line is written by Close.
func (j *Journal) Writer(instance string) io.WriteCloser {
	return &writer{journal: j, instance: instance}
}

// Last gives up to n remembered lines, the oldest first; n <= 0 gives all.
func (j *Journal) Last(n int) []Line {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last(n)
}

// Follow gives the last n lines (n < 0: all, 0: none) and a channel of those
// that come after them, without a gap between. The channel is closed when ctx
// ends, or when the reader is too far behind: then it has to ask again.
func (j *Journal) Follow(ctx context.Context, n int) ([]Line, <-chan Line) {
	lines := make(chan Line, behind)
	j.mu.Lock()
	defer j.mu.Unlock()
	var past []Line
	if n != 0 {
		past = j.last(n)
	}
	j.followers[lines] = struct{}{}
	context.AfterFunc(ctx, func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.leave(lines)
	})
	return past, lines
}

func (j *Journal) last(n int) []Line {
	all := make([]Line, 0, len(j.ring))
	all = append(all, j.ring[j.next:]...)
	all = append(all, j.ring[:j.next]...)
	if n > 0 && n < len(all) {
		all = all[len(all)-n:]
	}
	return all
}

func (j *Journal) leave(lines chan Line) {
	if _, here := j.followers[lines]; here {
		delete(j.followers, lines)
		close(lines)
	}
}

func (j *Journal) add(l Line) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.ring) < remembered {
		j.ring = append(j.ring, l)
	} else {
		j.ring[j.next] = l
		j.next = (j.next + 1) % remembered
	}
	for lines := range j.followers {
		select {
		case lines <- l:
		default:
			j.leave(lines)
		}
	}
}

// writer is used by one goroutine, the one that copies a process's output.
type writer struct {
	journal  *Journal
	instance string
	part     []byte
}

func (w *writer) Write(p []byte) (int, error) {
	w.part = append(w.part, p...)
	now := time.Now()
	end := 0
	for end < len(w.part) {
		length := bytes.IndexByte(w.part[end:], '\n')
		switch {
		case length >= 0:
			w.line(now, w.part[end:end+length])
			end += length + 1
			continue
		case len(w.part)-end >= longest:
			w.line(now, w.part[end:])
			end = len(w.part)
		}
		break
	}
	w.part = append(w.part[:0], w.part[end:]...)
	return len(p), nil
}

func (w *writer) Close() error {
	if len(w.part) > 0 {
		w.line(time.Now(), w.part)
		w.part = nil
	}
	return nil
}

// line does not fail: a full disk must not stop the program that speaks.
func (w *writer) line(now time.Time, text []byte) {
	text = bytes.TrimSuffix(text, []byte("\r"))
	_, _ = w.journal.out.Write(append(append(make([]byte, 0, len(text)+1), text...), '\n'))
	w.journal.add(Line{Instance: w.instance, Time: now, Text: string(text)})
}
