package bus

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"bazaar/shared/fault"
)

func TestRefusalsAreToldFromTheUnknown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err     error
		code    string
		unknown bool
	}{
		"full by bytes":    {&jetstream.APIError{Code: 503, ErrorCode: codeStoreFailed, Description: "maximum bytes exceeded"}, "queue_full", false},
		"full by messages": {fmt.Errorf("nats: %w", &jetstream.APIError{Code: 503, ErrorCode: codeStoreFailed, Description: "maximum messages exceeded"}), "queue_full", false},
		"no disk left":     {&jetstream.APIError{Code: 500, ErrorCode: codeStorageExceeded}, "queue_full", false},
		"store failed":     {&jetstream.APIError{Code: 503, ErrorCode: codeStoreFailed, Description: "i/o error"}, "unavailable", false},
		"not connected":    {nats.ErrReconnectBufExceeded, "unavailable", false},
		"no stream":        {jetstream.ErrNoStreamResponse, "unavailable", false},
		"draining":         {nats.ErrConnectionDraining, "unavailable", false},
		"no answer":        {context.DeadlineExceeded, "unavailable", true},
		"connection lost":  {context.Canceled, "unavailable", true},
		"closed meanwhile": {nats.ErrConnectionClosed, "unavailable", true},
		"odd answer":       {jetstream.ErrInvalidJSAck, "unavailable", true},
		"anything else":    {errors.New("odd"), "unavailable", true},
	} {
		err := classify(c.err)
		f := fault.Of(err)
		if f.Kind != fault.Unavailable || f.Code != c.code || f.RetryAfter == 0 || errors.Is(err, ErrUnknown) != c.unknown {
			t.Errorf("%s: %v", name, err)
		}
	}
	if classify(nil) != nil {
		t.Error("nil is an error")
	}
}

func TestSubjectsAreLiteral(t *testing.T) {
	t.Parallel()
	for subject, want := range map[string]bool{
		"order.placed": true, "dead.reserve-stock": true, "a": true,
		"": false, "order.*": false, "order.>": false, "order placed": false, "a..b": false, ".a": false, "a.": false, "a\r\nPUB x": false,
	} {
		if literal(subject) != want {
			t.Errorf("%q: %t", subject, !want)
		}
	}
}

func TestSecondAttemptCannotUndoTheFirst(t *testing.T) {
	t.Parallel()
	lost, full := unknown(context.DeadlineExceeded), fault.New(fault.Unavailable, "queue_full", "")
	for name, c := range map[string]struct {
		outcomes   []error
		worthwhile bool
		calls      int
		unknown    bool
		stored     bool
	}{
		"stored at once":             {[]error{nil}, true, 1, false, true},
		"refused":                    {[]error{full}, true, 1, false, false},
		"stored by the second":       {[]error{lost, nil}, true, 2, false, true},
		"second refused":             {[]error{lost, full}, true, 2, true, false},
		"both unknown":               {[]error{lost, lost}, true, 2, true, false},
		"nobody waits for the first": {[]error{lost}, false, 1, true, false},
	} {
		calls := 0
		err := tryTwice(func() error { calls++; return c.outcomes[calls-1] }, func() bool { return c.worthwhile })
		if calls != c.calls || errors.Is(err, ErrUnknown) != c.unknown || (err == nil) != c.stored {
			t.Errorf("%s: %d calls, %v", name, calls, err)
		}
	}
}
