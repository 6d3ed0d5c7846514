package connector

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// rounds notes what was carried, each call until it is let go.
type rounds struct {
	let chan struct{}

	mu    sync.Mutex
	begun [][]string
}

func (r *rounds) carry(batch []letter) {
	var ids []string
	for _, l := range batch {
		ids = append(ids, l.id)
	}
	r.mu.Lock()
	r.begun = append(r.begun, ids)
	r.mu.Unlock()
	<-r.let
}

func (r *rounds) sizes() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	var sizes []int
	for _, ids := range r.begun {
		sizes = append(sizes, len(ids))
	}
	return sizes
}

// TestAnotherCallIsMadeOnlyWhereItHelps: what comes behind the first gathers and
// goes as one, until it is enough, or one has waited for too long.
func TestAnotherCallIsMadeOnlyWhereItHelps(t *testing.T) {
	for name, c := range map[string]struct {
		come, size int
		after      time.Duration
		meanwhile  []int // sizes of the calls before the first ends
		all        []int
	}{
		"a few":         {come: 3, after: tooLong / 2, meanwhile: []int{1}, all: []int{1, 3}},
		"a few, late":   {come: 3, after: tooLong + time.Millisecond, meanwhile: []int{1, 3}, all: []int{1, 3}},
		"one too few":   {come: enough - 1, meanwhile: []int{1}, all: []int{1, enough - 1}},
		"enough":        {come: enough, meanwhile: []int{1, enough}, all: []int{1, enough}},
		"a bit of much": {come: 5, size: maxBatchBytes / 2, after: tooLong / 2, meanwhile: []int{1}, all: []int{1, 1, 1, 1, 1, 1}},
		"too much each": {come: 2, size: maxBatchBytes, after: tooLong / 2, meanwhile: []int{1}, all: []int{1, 1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &rounds{let: make(chan struct{})}
				var tasks sync.WaitGroup
				k := &courier{carry: r.carry, tasks: &tasks}
				for i := range 1 + c.come {
					k.add(letter{id: fmt.Sprint(i), draft: make([]byte, c.size)})
					synctest.Wait()
				}
				time.Sleep(c.after)
				synctest.Wait()
				if got := r.sizes(); !slices.Equal(got, c.meanwhile) {
					t.Errorf("while the first was under way there were calls of %d, want %d", got, c.meanwhile)
				}
				close(r.let)
				tasks.Wait()
				if got := r.sizes(); !slices.Equal(got, c.all) {
					t.Errorf("in the end there were calls of %d, want %d", got, c.all)
				}
				time.Sleep(tooLong) // a late alarm finds nothing
				synctest.Wait()
				k.add(letter{id: "later"})
				tasks.Wait()
				if last := r.begun[len(r.begun)-1]; len(last) != 1 || last[0] != "later" {
					t.Errorf("after a rest %q were carried", last)
				}
			})
		})
	}
}

// TestManyLettersGoInTheirOrder, each once, so many at a time.
func TestManyLettersGoInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rounds{let: make(chan struct{})}
		var tasks sync.WaitGroup
		k := &courier{carry: r.carry, tasks: &tasks}
		var want []string
		for i := range 3*maxBatch + enough - 1 {
			want = append(want, fmt.Sprint(i))
			k.waiting = append(k.waiting, letter{id: fmt.Sprint(i), since: time.Now()})
		}
		k.add(letter{id: "last"}) // what waits is started by what comes
		close(r.let)
		tasks.Wait()
		if got := r.sizes(); !slices.Equal(got, []int{maxBatch, maxBatch, maxBatch, enough}) {
			t.Errorf("there were calls of %d", got)
		}
		if got := slices.Concat(r.begun...); !slices.Equal(got, append(want, "last")) {
			t.Errorf("carried were %q", got)
		}
	})
}

// TestEachLetterIsCarriedOnce, whoever brings them and however long calls take.
func TestEachLetterIsCarriedOnce(t *testing.T) {
	t.Parallel()
	const people, each = 16, 200
	var mu sync.Mutex
	carried := map[string]int{}
	var tasks, writers sync.WaitGroup
	k := &courier{tasks: &tasks, carry: func(batch []letter) {
		mu.Lock()
		defer mu.Unlock()
		for _, l := range batch {
			carried[l.id]++
		}
	}}
	for p := range people {
		writers.Go(func() {
			for i := range each {
				k.add(letter{id: fmt.Sprint(p, "-", i)})
			}
		})
	}
	writers.Wait()
	tasks.Wait()
	if len(carried) != people*each {
		t.Errorf("%d letters were carried, of %d", len(carried), people*each)
	}
	for id, n := range carried {
		if n != 1 {
			t.Errorf("%s was carried %d times", id, n)
		}
	}
}
