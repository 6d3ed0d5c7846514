package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"bazaar/infra/local"
)

const (
	coldStarts = 5
	coldWithin = 10 * time.Second
)

// measureCold starts every function beside the one that runs, with the same
// program and environment, up to its first answer. It needs Linux.
func measureCold(ctx context.Context, b *bench) (Result, error) {
	s, err := b.usual(ctx)
	if err != nil {
		return Result{}, err
	}
	state, err := s.State()
	if err != nil {
		return Result{}, err
	}
	table := Table{Title: "Cold start and idle memory", Head: []string{"function", "from the start to its first answer, median", "slowest of " + strconv.Itoa(coldStarts), "idle memory (RSS)"}}
	var names []string
	var medians []float64
	for _, p := range state.Processes {
		if p.Kind != "function" || p.Name == "empty" {
			continue
		}
		resident, err := residentSize(p.Pid)
		if err != nil {
			return Result{}, err
		}
		var took []time.Duration
		for range coldStarts {
			d, err := coldStart(ctx, p, filepath.Join(b.dir, "cold.lock"))
			if err != nil {
				return Result{}, fmt.Errorf("starting %s: %w", p.Name, err)
			}
			took = append(took, d)
		}
		slices.Sort(took)
		names, medians = append(names, p.Name), append(medians, milliseconds(took[len(took)/2]))
		table.Rows = append(table.Rows, []string{"`" + p.Name + "`", inMilliseconds(took[len(took)/2]), inMilliseconds(took[len(took)-1]), resident})
	}
	slowest := slices.Max(medians)
	return Result{
		Rows: []Row{{
			What:   "cold start to the first answer, the slowest function (`" + names[slices.Index(medians, slowest)] + "`)",
			Figure: fmt.Sprintf("%.0f ms", slowest), Baseline: "100 ms", Ratio: slowest / 100, Target: atMost(1),
		}},
		Tables: []Table{table},
		Plots:  []Plot{coldPlot(names, medians)},
	}, nil
}

// coldStart runs one more process of a function and waits for any answer to a
// call. The call needs no store and no token: it is refused, by the function.
func coldStart(ctx context.Context, p local.Part, lock string) (time.Duration, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.Pid))
	if err != nil {
		return 0, fmt.Errorf("reading the environment: %w", err)
	}
	addr, err := freeAddress()
	if err != nil {
		return 0, err
	}
	_, port, _ := strings.Cut(addr, ":")
	cmd := exec.CommandContext(ctx, fmt.Sprintf("/proc/%d/exe", p.Pid))
	for _, entry := range bytes.Split(bytes.TrimRight(raw, "\x00"), []byte{0}) {
		cmd.Env = append(cmd.Env, string(entry))
	}
	cmd.Env = append(cmd.Env, "port="+port, "metrics_port=0", "lock_file="+lock)
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
	}()
	if err := firstAnswer(ctx, "http://"+addr+"/"); err != nil {
		return 0, err
	}
	return time.Since(began), nil
}

func firstAnswer(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, coldWithin)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	again := time.NewTicker(500 * time.Microsecond)
	defer again.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		res, err := client.Do(req)
		if err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			return res.Body.Close()
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return err
		}
	}
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// residentSize is the memory of a process that is in use.
func residentSize(pid int) (string, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return "", fmt.Errorf("reading the memory of a process: %w", err)
	}
	for line := range strings.Lines(string(raw)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.Atoi(strings.Fields(value)[0])
			if err != nil {
				return "", fmt.Errorf("reading the memory of a process: %w", err)
			}
			return fmt.Sprintf("%.0f MiB", float64(kib)/1024), nil
		}
	}
	return "", fmt.Errorf("process %d tells no memory", pid)
}
