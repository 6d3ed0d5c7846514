package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"time"

	"bazaar/shared/telemetry"
)

func TestTheLogIsASlogHandler(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	slogtest.Run(t, func(t *testing.T) slog.Handler {
		out.Reset()
		return start(t, telemetry.Settings{}, &out).Log.Handler()
	}, func(t *testing.T) map[string]any {
		var line map[string]any
		if err := json.Unmarshal(out.Bytes(), &line); err != nil {
			t.Fatalf("%v in %s", err, out.String())
		}
		return line
	})
}

func TestValuesInTheLog(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		value any
		want  string
	}{
		"a string": {"a\"b\n\x00é", `"a\"b\n\u0000é"`}, "invalid UTF-8": {"a\xff", "\"a\ufffd\""}, "an int": {-7, "-7"},
		"a uint": {uint64(math.MaxUint64), "18446744073709551615"}, "a float": {0.25, "0.25"}, "a large one": {1e21, "1000000000000000000000"},
		"no number": {math.NaN(), `"NaN"`}, "no end": {math.Inf(-1), `"-Inf"`}, "a bool": {true, "true"}, "a duration": {time.Second, "1000000000"},
		"a time":   {time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), `"2026-01-02T03:04:05.000006Z"`},
		"an error": {errors.New("broken"), `"broken"`}, "a slice": {[]string{"a"}, `["a"]`}, "nil": {nil, "null"},
		"what has no JSON": {make(chan int), `"!ERROR:json: unsupported type: chan int"`},
	} {
		var out bytes.Buffer
		start(t, telemetry.Settings{}, &out).Log.Info("x", "v", c.value)
		if got := out.String(); !strings.HasSuffix(got, `,"v":`+c.want+"}\n") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestGroupsDoNotHoldTheTrace(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := start(t, telemetry.Settings{}, &out).Log
	ctx := telemetry.WithTraceParent(context.Background(), parent)
	one := log.WithGroup("g").With("a", 1)
	two := one.With("b", 2)
	one.With("c", 3).InfoContext(ctx, "x", "d", 4)
	two.WithGroup("h").InfoContext(ctx, "x")
	const top = `"msg":"x","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7","service":"create-order","g":{"a":1,`
	for i, want := range []string{top + `"c":3,"d":4}}`, top + `"b":2}}`} {
		if got := strings.Split(out.String(), "\n")[i]; !strings.HasSuffix(got, want) {
			t.Errorf("%s", got)
		}
	}
}

func TestLinesOfManyCallsDoNotMix(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := start(t, telemetry.Settings{}, &out).Log
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 100 {
				log.Info("x", "v", strings.Repeat("y", 100*i))
			}
		})
	}
	all.Wait()
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	for _, line := range lines {
		if !json.Valid([]byte(line)) {
			t.Fatalf("%s", line)
		}
	}
	if len(lines) != 800 {
		t.Errorf("%d lines", len(lines))
	}
}
