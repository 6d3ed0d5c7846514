package main

import (
	"fmt"
	"log/slog"
)

// logger gives the server's messages to slog: warnings and errors. Its notices,
// a page at every start, say nothing that our own line does not.
type logger struct {
	log   *slog.Logger
	fatal chan<- error // what the server cannot go on from
}

func (l logger) Noticef(string, ...any) {}
func (l logger) Debugf(string, ...any)  {}
func (l logger) Tracef(string, ...any)  {}

func (l logger) Warnf(format string, v ...any)  { l.log.Warn(fmt.Sprintf(format, v...)) }
func (l logger) Errorf(format string, v ...any) { l.log.Error(fmt.Sprintf(format, v...)) }

// Fatalf must not return control to a server that cannot work; ending the
// process is left to serve, so that it ends in order.
func (l logger) Fatalf(format string, v ...any) {
	select {
	case l.fatal <- fmt.Errorf(format, v...):
	default:
	}
}
