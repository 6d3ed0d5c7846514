package connector_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// left is the status of the tests, 1 when a goroutine of a node is left. The
// servers of the tests live as long as the process, with theirs.
func left(status int) int {
	late := time.After(5 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for status == 0 {
		all := make([]byte, 8<<20)
		all = all[:runtime.Stack(all, true)]
		var ours []string
		for stack := range strings.SplitSeq(string(all), "\n\n") {
			if strings.Contains(stack, "bazaar/infra/connector") {
				ours = append(ours, stack)
			}
		}
		if len(ours) == 0 {
			break
		}
		select {
		case <-tick.C:
		case <-late:
			fmt.Fprintf(os.Stderr, "goroutines are left:\n%s\n", strings.Join(ours, "\n\n"))
			return 1
		}
	}
	return status
}
