package paysim

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// entry is one line of the books: what is there after something happened. The
// books are the sum of their lines; no line is ever changed. What must be true
// together, such as money and telling of it, stands in one line.
type entry struct {
	Trade        *Trade        `json:"trade,omitempty"`
	Notification *Notification `json:"notification,omitempty"`
}

// books are an append-only file of JSON lines. What append has returned from is
// on the disk.
type books struct {
	file *os.File
	size int64 // of what is whole
}

// openBooks opens the books in dir and gives their lines in order to apply. A
// last line that a crash has cut off was never told to anybody and is removed;
// any other line that cannot be read is an error.
func openBooks(dir string, apply func(entry)) (*books, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of the books: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "books.jsonl"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the books: %w", err)
	}
	// Two processes on one file would write over each other's lines.
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("the books in %s are in use: %w", dir, err), file.Close())
	}
	whole, err := replay(file, apply)
	if err == nil {
		err = file.Truncate(whole)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading the books: %w", err), file.Close())
	}
	return &books{file, whole}, nil
}

// replay applies every whole line and gives the length of all of them.
func replay(r io.Reader, apply func(entry)) (whole int64, err error) {
	lines := bufio.NewReader(r)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return whole, nil
		}
		if err != nil {
			return 0, err
		}
		var e entry
		if err := json.Unmarshal(bytes.TrimSpace(line), &e); err != nil {
			return 0, fmt.Errorf("line %d: %w", n, err)
		}
		apply(e)
		whole += int64(len(line))
	}
}

// append writes one entry, whole or not at all, and waits until the disk has it.
func (b *books) append(e entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encoding an entry of the books: %w", err)
	}
	line = append(line, '\n')
	_, err = b.file.WriteAt(line, b.size)
	if err == nil {
		err = b.file.Sync()
	}
	if err != nil {
		// The next append writes over what may stand there.
		return errors.Join(fmt.Errorf("writing the books: %w", err), b.file.Truncate(b.size))
	}
	b.size += int64(len(line))
	return nil
}

func (b *books) close() error { return b.file.Close() }
