package bus

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"bazaar/shared/fault"
)

// The server's error codes that mean "no room".
const (
	codeInsufficientResources = 10023
	codeMemoryExceeded        = 10028
	codeStorageExceeded       = 10047
	codeStoreFailed           = 10077 // with "maximum bytes exceeded" and the like
)

// classify says what an attempt to publish came to. What is not certainly
// refused is unknown.
func classify(err error) error {
	if err == nil {
		return nil
	}
	var known *fault.Error
	if errors.As(err, &known) {
		return err
	}
	wrapped := fmt.Errorf("publishing: %w", err)
	var refused *jetstream.APIError
	switch {
	case errors.As(err, &refused):
		if full(refused) {
			return fault.New(fault.Unavailable, "queue_full", "Too much is waiting at the moment. Please try again shortly.").
				After(time.Second).Because(wrapped)
		}
		return unavailable(wrapped)
	case errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, nats.ErrNoResponders),
		errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrDisconnected),
		errors.Is(err, nats.ErrConnectionDraining), errors.Is(err, nats.ErrMaxPayload):
		return unavailable(wrapped)
	}
	// Also a closed connection: it may have closed after the message had left.
	return unknown(wrapped)
}

// full recognises a refusal for want of room.
func full(e *jetstream.APIError) bool {
	switch e.ErrorCode {
	case codeInsufficientResources, codeMemoryExceeded, codeStorageExceeded:
		return true
	case codeStoreFailed:
		return strings.HasPrefix(e.Description, "maximum ")
	}
	return false
}

// unknown is what a caller is told when nobody knows.
func unknown(cause error) error {
	return unavailable(fmt.Errorf("%w: %w", ErrUnknown, cause))
}
