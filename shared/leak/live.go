//go:build leak

package leak

import (
	"log/slog"
	"os"

	"go.uber.org/goleak"
)

// left is the exit status of a program that has left goroutines.
const left = 93

// Check is the last thing that a program does, when all that it opened is
// closed. It gives goroutines that are about to end half a second, says which
// are still there, and then ends the process. A goroutine in a system call is
// not seen.
func Check(program string) {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	if err := goleak.Find(); err != nil {
		log.Error("goroutines are left", "program", program, "stacks", err.Error())
		os.Exit(left)
	}
	log.Info("no goroutine is left", "program", program)
}
