package fault_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"bazaar/shared/fault"
)

func TestKindsHaveTheirStatus(t *testing.T) {
	want := map[fault.Kind]int{
		fault.Invalid: 400, fault.Unauthenticated: 401, fault.Denied: 403, fault.NotFound: 404,
		fault.Conflict: 409, fault.TooLarge: 413, fault.Mismatch: 422, fault.Limited: 429,
		fault.Unavailable: 503, fault.Timeout: 504, fault.Internal: 500,
	}
	for kind, status := range want {
		if kind.Status() != status || !kind.Known() {
			t.Errorf("%s: status %d, known %t; want %d, true", kind, kind.Status(), kind.Known(), status)
		}
	}
	if k := fault.Kind("odd"); k.Known() || k.Status() != 500 {
		t.Errorf("an unknown kind is known or not 500")
	}
}

func TestOfClassifies(t *testing.T) {
	gone := fault.New(fault.NotFound, "not_found", "There is no %s.", "order")
	for name, c := range map[string]struct {
		err  error
		kind fault.Kind
		code string
	}{
		"a fault":           {gone, fault.NotFound, "not_found"},
		"a wrapped fault":   {fmt.Errorf("reading: %w", gone), fault.NotFound, "not_found"},
		"a passed deadline": {fmt.Errorf("asking: %w", context.DeadlineExceeded), fault.Timeout, "timeout"},
		"a cancelled call":  {context.Canceled, fault.Unavailable, "unavailable"},
		"anything else":     {errors.New("disk"), fault.Internal, "internal"},
	} {
		got := fault.Of(c.err)
		if got.Kind != c.kind || got.Code != c.code || !fault.Is(c.err, c.code) {
			t.Errorf("%s: %s %s", name, got.Kind, got.Code)
		}
	}
	if fault.Of(nil) != nil || fault.KindOf(nil) != "" || fault.Is(nil, "") {
		t.Error("nil is a fault")
	}
}

func TestDetailHidesTheCause(t *testing.T) {
	cause := errors.New("password=hunter2")
	e := fault.Of(fmt.Errorf("dialling: %w", cause))
	if e.Detail != "Something went wrong on our side." || !errors.Is(e, cause) {
		t.Errorf("detail %q, cause kept %t", e.Detail, errors.Is(e, cause))
	}
}

func TestCopiesLeaveTheOriginal(t *testing.T) {
	base := fault.New(fault.Unavailable, "unavailable", "Later.")
	if c := base.After(time.Second).At("x"); c.RetryAfter != time.Second || c.Field != "x" {
		t.Error("the copy lacks what was set")
	}
	if base.RetryAfter != 0 || base.Field != "" {
		t.Error("the original changed")
	}
}
