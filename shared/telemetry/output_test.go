package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bazaar/shared/telemetry"
)

// journal is a log that is written and read at once.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func TestLinesOfCallsAreWrittenTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out journal
		tel := start(t, telemetry.Settings{}, &out)
		call := func(n int, level slog.Level) {
			telemetry.Line(t.Context(), tel.Log, time.Now(), level, fmt.Sprint("call", n), nil)
		}
		wrote := func(want int) {
			t.Helper()
			for i := range want {
				if at := strings.Index(out.String(), fmt.Sprintf(`"msg":"call%d"`, i)); at < 0 || i > 0 && at < strings.Index(out.String(), fmt.Sprintf(`"msg":"call%d"`, i-1)) {
					t.Errorf("of %d lines the log has\n%s", want, out.String())
				}
			}
			if n := strings.Count(out.String(), "\n"); n != want {
				t.Errorf("%d lines are written, want %d", n, want)
			}
		}
		call(0, slog.LevelInfo)
		call(1, slog.LevelInfo)
		wrote(0)
		time.Sleep(10 * time.Millisecond)
		synctest.Wait()
		wrote(2)
		call(2, slog.LevelInfo)
		call(3, slog.LevelWarn) // is not kept waiting, nor what came before it
		wrote(4)
		call(4, slog.LevelInfo)
		tel.Log.Info("call5")
		wrote(6)
		for n := range 400 { // more than may wait
			call(6+n, slog.LevelInfo)
		}
		if n := strings.Count(out.String(), "\n"); n < 200 || n == 406 {
			t.Errorf("%d of 406 lines are written at once", n)
		}
		if err := tel.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		wrote(406)
	})
}

// full is a disk.
type full struct{}

var errFull = errors.New("the disk is full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestALogThatCannotBeWrittenIsTold(t *testing.T) {
	t.Parallel()
	tel, err := telemetry.Start(t.Context(), "x", telemetry.Settings{}, full{})
	if err != nil {
		t.Fatal(err)
	}
	telemetry.Line(t.Context(), tel.Log, time.Now(), slog.LevelInfo, "call", nil)
	if err := tel.Shutdown(t.Context()); !errors.Is(err, errFull) {
		t.Errorf("told %v", err)
	}
}
