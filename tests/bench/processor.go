package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of processor time in /proc: Linux shows 100 a second on
// every architecture that Go knows.
const tick = 10 * time.Millisecond

// proc is a line of /proc.
type proc struct {
	parent int
	used   time.Duration // processor time, also in the kernel
	waited time.Duration // that of its children that have ended
}

// processes reads all of /proc. It needs Linux.
func processes() (map[int]proc, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("there is no /proc: processor time is measured on Linux only")
	}
	all := map[int]proc{}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		// The name in parentheses may hold blanks; after it come the state, the
		// parent and, from the 12th field on, the times of user and kernel, and
		// those of children that have ended.
		fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
		if len(fields) < 15 {
			continue
		}
		numbers := make([]int, 5)
		for i, field := range []int{1, 11, 12, 13, 14} {
			if numbers[i], err = strconv.Atoi(fields[field]); err != nil {
				return nil, fmt.Errorf("reading %s: %w", path, err)
			}
		}
		all[pid] = proc{parent: numbers[0], used: time.Duration(numbers[1]+numbers[2]) * tick, waited: time.Duration(numbers[3]+numbers[4]) * tick}
	}
	return all, nil
}

// usage is the processor time so far, by the name of the part.
type usage map[string]time.Duration

const (
	gatewayPart   = "gateway (runner)"
	generatorPart = "load generator"
)

// usage reads what every part of the system has used, the servers' own
// children with them, also those that have ended: a backend of PostgreSQL that
// goes does not take its time along. The runner's children are parts themselves.
func (s *shop) usage() (usage, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	state, err := s.State()
	if err != nil {
		return nil, err
	}
	names := map[int]string{state.Pid: gatewayPart, os.Getpid(): generatorPart}
	maps.Copy(names, s.beside)
	for _, p := range state.Processes {
		if p.Pid != 0 {
			names[p.Pid] = p.Name
		}
	}
	u := usage{}
	for pid, p := range all {
		if name := owner(all, names, pid); name != "" {
			u[name] += p.used
			if name != gatewayPart && name != generatorPart {
				u[name] += p.waited
			}
		}
	}
	return u, nil
}

// owner is the nearest part above a process.
func owner(all map[int]proc, names map[int]string, pid int) string {
	for pid > 1 {
		if name := names[pid]; name != "" {
			return name
		}
		pid = all[pid].parent
	}
	return ""
}

// since is what was used after before.
func (u usage) since(before usage) usage {
	d := usage{}
	for name, used := range u {
		d[name] = used - before[name]
	}
	return d
}

func (u usage) add(other usage) {
	for name, used := range other {
		u[name] += used
	}
}

func (u usage) sum() (all time.Duration) {
	for _, used := range u {
		all += used
	}
	return all
}

// metered is a closed loop with the processor time that it took.
func (s *shop) metered(ctx context.Context, l *load, n int, length time.Duration) (usage, outcome, error) {
	before, err := s.usage()
	if err != nil {
		return nil, outcome{}, err
	}
	out, err := l.closed(ctx, n, length)
	if err != nil {
		return nil, out, err
	}
	after, err := s.usage()
	return after.since(before), out, err
}

// names gives the parts, those that used most first.
func (u usage) names() []string {
	return slices.SortedFunc(maps.Keys(u), func(a, b string) int {
		if c := int(u[b] - u[a]); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
}
