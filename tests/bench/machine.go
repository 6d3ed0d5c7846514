package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	nats "github.com/nats-io/nats-server/v2/server"
)

// machine describes where the figures are from, one thing a line.
func machine(ctx context.Context, b *bench) ([]string, error) {
	lines := []string{
		fmt.Sprintf("%s, %d cores, %s", field("/proc/cpuinfo", "model name"), runtime.NumCPU(), memory()),
		"kernel " + said(ctx, "uname", "-sr") + ", " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH,
	}
	for _, s := range b.shops {
		var postgres string
		if err := s.Pool.QueryRow(ctx, `select current_setting('server_version')`).Scan(&postgres); err != nil {
			return nil, fmt.Errorf("asking PostgreSQL for its version: %w", err)
		}
		redis := strings.TrimPrefix(strings.Fields(said(ctx, "redis-server", "--version") + " ? ? ?")[2], "v=")
		lines = append(lines, "PostgreSQL "+postgres+", Redis "+redis+", NATS server "+nats.VERSION)
		break
	}
	return append(lines, "load average when it began and ended: "+b.load+", "+loadAverage()), nil
}

// field is the value of a name in a file of lines "name : value".
func field(path, name string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(raw)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func memory() string {
	var kib int
	if _, err := fmt.Sscan(field("/proc/meminfo", "MemTotal"), &kib); err != nil {
		return "memory unknown"
	}
	return fmt.Sprintf("%.0f GiB", float64(kib)/(1<<20))
}

func loadAverage() string {
	raw, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Fields(string(raw))[0]
}

// said is the first line that a program prints.
func said(ctx context.Context, program string, args ...string) string {
	out, err := exec.CommandContext(ctx, program, args...).Output()
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}
