package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// measureRuntime holds a function against a bare net/http server. The benchmark
// in the folder fn does it: both as processes of their own, on one core each.
func measureRuntime(ctx context.Context, b *bench) (Result, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "Function", "-benchtime",
		strconv.Itoa(max(1, int(12*b.options.Scale)))+"x", "./tests/bench/fn")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return Result{}, fmt.Errorf("running tests/bench/fn: %w: %s", err, out)
	}
	found := map[string]float64{}
	for _, m := range regexp.MustCompile(`([0-9.e+]+) ([a-z/-]+)`).FindAllStringSubmatch(strings.ReplaceAll(string(out), "\t", " "), -1) {
		if value, err := strconv.ParseFloat(m[1], 64); err == nil {
			found[m[2]] = value
		}
	}
	ratio, ok := found["throughput-ratio"]
	if !ok {
		return Result{}, fmt.Errorf("tests/bench/fn reported no ratio: %s", out)
	}
	return Result{Rows: []Row{{
		What:   "a function (`shared/fn`: door, trace, log, metrics) against bare `net/http` with the same work",
		Figure: perSecond(found["fn-calls/s"]), Baseline: perSecond(found["bare-calls/s"]),
		Ratio: ratio, Target: atLeast(0.85),
	}}}, nil
}
