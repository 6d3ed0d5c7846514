package fn

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

func TestADeadlineIsAContext(t *testing.T) {
	t.Parallel()
	type key struct{}
	parent := context.WithValue(context.Background(), key{}, "v")
	for name, waits := range map[string]bool{"nobody waits": false, "somebody waits": true} {
		synctest.Test(t, func(t *testing.T) {
			d := &deadline{Context: parent, at: time.Now().Add(time.Second)}
			if waits {
				below, cancel := context.WithCancel(d)
				defer cancel()
				defer func() {
					<-below.Done()
					if !errors.Is(below.Err(), context.DeadlineExceeded) {
						t.Errorf("%s: below it %v", name, below.Err())
					}
				}()
			}
			if at, ok := d.Deadline(); !ok || time.Until(at) != time.Second || d.Err() != nil || d.Value(key{}) != "v" {
				t.Errorf("%s: %v %v %v", name, at, d.Err(), d.Value(key{}))
			}
			<-time.After(time.Second)
			synctest.Wait()
			if !errors.Is(d.Err(), context.DeadlineExceeded) {
				t.Errorf("%s: after its end %v", name, d.Err())
			}
			d.end()
		})
	}
}

func TestADeadlineEndsWithItsParent(t *testing.T) {
	t.Parallel()
	for _, waits := range []bool{false, true} {
		parent, cancel := context.WithTimeout(context.Background(), time.Minute)
		d := &deadline{Context: parent, at: time.Now().Add(time.Hour)}
		if waits {
			_ = d.Done()
		}
		if at, _ := d.Deadline(); time.Until(at) > time.Minute {
			t.Errorf("later than its parent: %s", at)
		}
		cancel()
		<-d.Done()
		if !errors.Is(d.Err(), context.Canceled) {
			t.Errorf("waits %t: %v", waits, d.Err())
		}
	}
}

func TestAnEndedDeadlineIsCancelled(t *testing.T) {
	t.Parallel()
	d := &deadline{Context: context.Background(), at: time.Now().Add(time.Hour)}
	done := d.Done()
	d.end()
	<-done
}

// TestContextsBelowADeadlineNeedNoGoroutine is not parallel: it counts.
func TestContextsBelowADeadlineNeedNoGoroutine(t *testing.T) {
	d := &deadline{Context: context.Background(), at: time.Now().Add(time.Hour)}
	before := runtime.NumGoroutine()
	for range 100 {
		_, cancel := context.WithCancel(d)
		defer cancel()
	}
	if after := runtime.NumGoroutine(); after > before+50 {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
	d.end()
}

func TestAStepsContextEndsWithItsCall(t *testing.T) {
	t.Parallel()
	var kept context.Context
	b := newBench(t, nil, Public("GET /{$}", Step(func(ctx context.Context, _ Call, _ None) (Reply, error) {
		kept = ctx
		if ctx.Err() != nil || ctx.Done() == nil {
			t.Error("it has ended before")
		}
		return Reply{}, nil
	})))
	b.ask(t, "GET", "/", "").want(t, 204, "", "")
	select {
	case <-kept.Done():
	default:
		t.Error("it goes on after its call")
	}
}
