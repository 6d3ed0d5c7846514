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

// together is Client's.
func together(ctx context.Context, l *lane, args ...any) (any, error) {
	return (&Client{lane: l}).Together(ctx, args...)
}

func TestWhoComesWhileOthersFlyGoesWithTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var groups []int
		l := &lane{send: echo(&groups), timeout: time.Minute}
		var all sync.WaitGroup
		for i := range flights {
			all.Go(func() { _, _ = together(t.Context(), l, "echo", fmt.Sprint("first", i)) })
			synctest.Wait()
		}
		for i := range 300 {
			all.Go(func() {
				word := fmt.Sprint("word", i)
				if got, err := together(t.Context(), l, "echo", word); got != word || err != nil {
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
				got, err := together(t.Context(), l, "echo", word)
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
		if _, err := together(hurried, l, "echo", "late"); !errors.Is(err, context.DeadlineExceeded) {
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
		if _, err := together(t.Context(), l, "get", "x"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("answered %v", err)
		}
	})
}

// clock answers every get with how many were asked before it.
func clock(asked *int) func(context.Context, []redis.Cmder) {
	var mu sync.Mutex
	return func(_ context.Context, commands []redis.Cmder) {
		mu.Lock()
		for _, c := range commands {
			*asked++
			c.(*redis.Cmd).SetVal(fmt.Sprint(c.Args()[1], *asked))
		}
		mu.Unlock()
		<-time.After(time.Second)
	}
}

func TestAKeyIsReadOnceForAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked int
		c := &Client{lane: &lane{send: clock(&asked), timeout: time.Minute}}
		var all sync.WaitGroup
		read := func(key, want string) {
			all.Go(func() {
				if got, err := c.Read(t.Context(), key); got != want || err != nil {
					t.Errorf("%s is read as %q, %v, want %q", key, got, err, want)
				}
			})
		}
		for i := range flights { // each is on its way when the next one asks
			read("a", fmt.Sprint("a", i+1))
			synctest.Wait()
		}
		for range 100 {
			read("a", "a3")
		}
		synctest.Wait()
		read("b", "b4")
		all.Wait()
		if asked != flights+2 {
			t.Errorf("%d commands were sent", asked)
		}
	})
}

func TestTwoGoOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var groups []int
		c := &Client{lane: &lane{send: echo(&groups), timeout: time.Minute}}
		var all sync.WaitGroup
		for i := range flights + 300 {
			all.Go(func() {
				a, b := fmt.Sprint("a", i), fmt.Sprint("b", i)
				one, two, err := c.TogetherBoth(t.Context(), []any{"echo", a}, []any{"echo", b})
				if err != nil || one.Val() != a || two.Val() != b {
					t.Errorf("%d: answered %v, %v, %v", i, one, two, err)
				}
			})
		}
		all.Wait()
		for _, n := range groups {
			if n%2 != 0 {
				t.Errorf("a pair is parted: round trips of %v", groups)
			}
		}
	})
}
