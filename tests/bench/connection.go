package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// connection is one HTTP/1.1 connection that is kept, with as little work a
// request as there can be: the generator shares the machine with what it measures.
type connection struct {
	net.Conn
	in   *bufio.Reader
	out  []byte // the request, made anew in the same memory
	body []byte // of the last answer
}

func dial(ctx context.Context, addr string) (*connection, error) {
	c, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", addr, err)
	}
	return &connection{Conn: c, in: bufio.NewReader(c)}, nil
}

// answerWithin bounds the wait for one answer.
const answerWithin = 30 * time.Second

// ask sends c.out and reads the whole answer; c.body is good until the next.
func (c *connection) ask() (status int, err error) {
	if err := c.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return 0, err
	}
	if _, err := c.Write(c.out); err != nil {
		return 0, fmt.Errorf("sending a request: %w", err)
	}
	status, length, err := c.head()
	if err != nil {
		return 0, fmt.Errorf("reading an answer: %w", err)
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	c.body = c.body[:length]
	if _, err := io.ReadFull(c.in, c.body); err != nil {
		return 0, fmt.Errorf("reading the body of an answer: %w", err)
	}
	return status, nil
}

// head reads up to the body. Every answer of ours says how long it is.
func (c *connection) head() (status, length int, err error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, 0, err
	}
	if len(line) < 12 {
		return 0, 0, fmt.Errorf("%q is no status line", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, 0, fmt.Errorf("%q is no status line", line)
	}
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			return status, length, nil
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, 0, fmt.Errorf("%q is no length", line)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			return 0, 0, fmt.Errorf("an answer has no length but %q", line)
		}
	}
}
