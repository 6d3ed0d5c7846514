package rdb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
)

// echo answers each command with its last word, after a round trip of a second,
// and notes how many came together.
func echo(groups *[]int) func(context.Context, []redis.Cmder) {
	var mu sync.Mutex
	return func(_ context.Context, commands []redis.Cmder) {
		mu.Lock()
		*groups = append(*groups, len(commands))
		mu.Unlock()
		<-time.After(time.Second)
		for _, c := range commands {
			word := c.Args()[len(c.Args())-1]
			if word == "wrong" {
				c.SetErr(errors.New("ERR wrong"))
				continue
			}
			c.(*redis.Cmd).SetVal(word)
		}
	}
}

func TestWhoComesWhileOthersFlyGoesWithTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var groups []int
		l := &lane{send: echo(&groups), timeout: time.Minute}
		var all sync.WaitGroup
		for i := range flights {
			all.Go(func() { _, _ = l.do(t.Context(), "echo", fmt.Sprint("first", i)) })
			synctest.Wait()
		}
		for i := range 300 {
			all.Go(func() {
				word := fmt.Sprint("word", i)
				if got, err := l.do(t.Context(), "echo", word); got != word || err != nil {
					t.Errorf("%s: answered %v, %v", word, got, err)
				}
			})
		}
		all.Wait()
		synctest.Wait() // the flights have seen that nobody is left
		l.mu.Lock()
		defer l.mu.Unlock()
		slices.Sort(groups) // both flights land at once: either may go first
		if want := []int{1, 1, 300 - mostTogether, mostTogether}; !slices.Equal(groups, want) {
			t.Errorf("round trips of %v", groups)
		}
		if l.flying != 0 || l.waiting != nil {
			t.Errorf("%d fly, %d wait after the last", l.flying, len(l.waiting))
		}
	})
}

func TestOneThatFailsFailsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var groups []int
		l := &lane{send: echo(&groups), timeout: time.Minute}
		var all sync.WaitGroup
		for _, word := range []string{"a", "b", "c", "wrong", "d"} {
			all.Go(func() {
				got, err := l.do(t.Context(), "echo", word)
				if word == "wrong" && err == nil || word != "wrong" && (err != nil || got != word) {
					t.Errorf("%s: answered %v, %v", word, got, err)
				}
			})
			synctest.Wait()
		}
		all.Wait()
	})
}

func TestWhoLeavesIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var groups []int
		l := &lane{send: echo(&groups), timeout: time.Minute}
		hurried, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		began := time.Now()
		if _, err := l.do(hurried, "echo", "late"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("answered %v, want that its time is up", err)
		}
		if took := time.Since(began); took > 10*time.Millisecond {
			t.Errorf("waited %s", took)
		}
		time.Sleep(time.Minute) // the flight lands
	})
}

func TestARoundTripEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lane{timeout: time.Second, send: func(ctx context.Context, commands []redis.Cmder) {
			<-ctx.Done()
			for _, c := range commands {
				c.SetErr(ctx.Err())
			}
		}}
		if _, err := l.do(t.Context(), "get", "x"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("answered %v", err)
		}
	})
}
