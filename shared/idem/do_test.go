package idem_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"bazaar/shared/bus"
	"bazaar/shared/fault"
	"bazaar/shared/idem"
	"bazaar/shared/pg"
)

func request(fingerprint, progress string) idem.Request {
	return idem.Request{
		Key: idem.Key{Scope: "s", Owner: "o", Key: "k"}, Fingerprint: fingerprint,
		Prepare: func(context.Context) ([]byte, error) { return []byte(progress), nil },
	}
}

// answers is a run that answers with what it was given.
func answers(_ context.Context, a idem.Attempt) (idem.Answer, error) {
	return idem.Answer{Status: 200, Body: a.Progress}, nil
}

func fails(err error) func(context.Context, idem.Attempt) (idem.Answer, error) {
	return func(context.Context, idem.Attempt) (idem.Answer, error) { return idem.Answer{}, err }
}

func TestAnswerIsReplayed(t *testing.T) {
	s := newMemory()
	first, replayed, err := idem.Do(t.Context(), s, request("f", "one"), answers)
	if err != nil || replayed || string(first.Body) != "one" {
		t.Fatalf("first: %s, %t, %v", first.Body, replayed, err)
	}
	again, replayed, err := idem.Do(t.Context(), s, request("f", "two"), fails(errors.New("run again")))
	if err != nil || !replayed || string(again.Body) != "one" || again.Status != 200 {
		t.Errorf("again: %s, %t, %v", again.Body, replayed, err)
	}
	if _, _, err := idem.Do(t.Context(), s, request("other", "two"), answers); !fault.Is(err, "idempotency_key_reused") || fault.Of(err).Status() != 422 {
		t.Errorf("another body: %v", err)
	}
}

// What an error leaves behind: a free key, or the record with its progress.
func TestErrorsFreeOrKeepTheKey(t *testing.T) {
	full := fault.New(fault.Unavailable, "queue_full", "Full.")
	for name, c := range map[string]struct {
		err  error
		kept bool
	}{
		"a refusal":                  {fault.New(fault.Conflict, "price_changed", "No."), false},
		"a full queue":               {full, false},
		"a queue that is away":       {fault.New(fault.Unavailable, "unavailable", "Away."), false},
		"an unknown publish":         {full.Because(fmt.Errorf("publishing: %w", bus.ErrUnknown)), true},
		"an unknown commit":          {pg.Fault(fmt.Errorf("x: %w", pg.ErrOutcomeUnknown), "committing"), true},
		"what is marked as kept":     {idem.Keep(full), true},
		"an error without a meaning": {errors.New("disk"), true},
		"a deadline":                 {context.DeadlineExceeded, true},
	} {
		s := newMemory()
		_, _, err := idem.Do(t.Context(), s, request("f", "one"), fails(c.err))
		if fault.Of(err).Code != fault.Of(c.err).Code {
			t.Errorf("%s: came back as %v", name, err)
		}
		want := "two"
		if c.kept {
			want = "one"
		}
		if a, _, err := idem.Do(t.Context(), s, request("f", "two"), answers); err != nil || string(a.Body) != want {
			t.Errorf("%s: the retry ran with %q, %v; want %q", name, a.Body, err, want)
		}
	}
}

// An attempt that was resumed cannot free the key: the one before may have had
// its effect.
func TestResumedAttemptKeepsTheKey(t *testing.T) {
	s := newMemory()
	for _, err := range []error{idem.Keep(errors.New("who knows")), fault.New(fault.Unavailable, "queue_full", "Full.")} {
		if _, _, got := idem.Do(t.Context(), s, request("f", "one"), fails(err)); got == nil {
			t.Fatal("no error")
		}
	}
	a, _, err := idem.Do(t.Context(), s, request("f", "two"), answers)
	if err != nil || string(a.Body) != "one" {
		t.Errorf("ran with %q, %v", a.Body, err)
	}
}

func TestFinalFaultIsReplayed(t *testing.T) {
	s := newMemory()
	refusal := fault.New(fault.Conflict, "order_not_payable", "It is %d%% closed.", 100).At("order")
	for i, wanted := range []bool{false, true} {
		_, replayed, err := idem.Do(t.Context(), s, request("f", ""), fails(idem.Final(refusal)))
		f := fault.Of(err)
		if replayed != wanted || f.Code != refusal.Code || f.Detail != refusal.Detail || f.Field != "order" || f.Status() != 409 {
			t.Errorf("call %d: replayed %t, %v", i, replayed, err)
		}
	}
}

func TestKnownKeyIsAnsweredWhateverPrepareSays(t *testing.T) {
	s := newMemory()
	refuses := request("f", "")
	refuses.Prepare = func(context.Context) ([]byte, error) { return nil, fault.New(fault.Invalid, "unknown_sku", "Gone.") }
	if _, _, err := idem.Do(t.Context(), s, refuses, answers); !fault.Is(err, "unknown_sku") {
		t.Fatalf("a new key: %v", err)
	}
	if _, _, err := idem.Do(t.Context(), s, request("f", "one"), answers); err != nil {
		t.Fatal(err)
	}
	if a, replayed, err := idem.Do(t.Context(), s, refuses, answers); !replayed || string(a.Body) != "one" {
		t.Errorf("a known key: %s, %t, %v", a.Body, replayed, err)
	}
}

func TestCrashedAttemptIsTakenOverWithItsProgress(t *testing.T) {
	s := newMemory()
	crash := func(context.Context, idem.Attempt) (idem.Answer, error) { panic("crash") }
	func() {
		defer func() { _ = recover() }()
		_, _, _ = idem.Do(t.Context(), s, request("f", "one"), crash)
	}()
	s.expire()
	var resumed bool
	a, _, err := idem.Do(t.Context(), s, request("f", "two"), func(ctx context.Context, a idem.Attempt) (idem.Answer, error) {
		resumed = a.Resumed
		return answers(ctx, a)
	})
	if err != nil || string(a.Body) != "one" || !resumed {
		t.Errorf("ran with %q, resumed %t, %v", a.Body, resumed, err)
	}
}

func TestCallersWaitForTheFirst(t *testing.T) {
	s, running, finish := newMemory(), make(chan struct{}), make(chan struct{})
	go func() {
		_, _, _ = idem.Do(t.Context(), s, request("f", "one"), func(ctx context.Context, a idem.Attempt) (idem.Answer, error) {
			close(running)
			<-finish
			return answers(ctx, a)
		})
	}()
	<-running
	start := time.Now()
	_, _, err := idem.Do(t.Context(), s, request("f", "two"), answers)
	if f := fault.Of(err); f == nil || f.Code != "idempotency_key_in_progress" || f.Status() != 409 || f.RetryAfter == 0 {
		t.Fatalf("while the first runs: %v", err)
	}
	if waited := time.Since(start); waited < 400*time.Millisecond {
		t.Errorf("gave up after %s", waited)
	}
	second := make(chan bool)
	go func() {
		_, replayed, _ := idem.Do(t.Context(), s, request("f", "two"), answers)
		second <- replayed
	}()
	close(finish)
	if !<-second {
		t.Error("who waited did not get the first's answer")
	}
}

// The effect is there: that its answer could not be kept is not the caller's to know.
func TestAnswerThatCannotBeKeptIsStillTold(t *testing.T) {
	s := newMemory()
	s.broken = errors.New("Redis left")
	if a, _, err := idem.Do(t.Context(), s, request("f", "one"), answers); err != nil || string(a.Body) != "one" {
		t.Errorf("got %q, %v", a.Body, err)
	}
}

func TestAttemptEndsWithItsLease(t *testing.T) {
	r := request("f", "one")
	r.Lease = 10 * time.Millisecond
	_, _, err := idem.Do(t.Context(), newMemory(), r, func(ctx context.Context, _ idem.Attempt) (idem.Answer, error) {
		<-ctx.Done()
		return idem.Answer{}, ctx.Err()
	})
	if fault.KindOf(err) != fault.Timeout {
		t.Errorf("got %v", err)
	}
}
