package fn

import (
	"context"
	"errors"
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
