package chat

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain fails where a test leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start is when the tests of the machines begin.
func start() time.Time { return time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC) }

// lowest and highest are the ends of what a random number can be.
const (
	lowest  = 0.0
	highest = 0.999999
)
