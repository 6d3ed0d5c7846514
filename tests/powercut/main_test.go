//go:build linux

// Package powercut_test cuts the power of PostgreSQL and NATS while orders come
// in, and counts what of the acknowledged is gone. Settings that are known to
// lose are tried too: a proof that finds nothing there would be worth nothing.
package powercut_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"bazaar/tests/powercut/disk"
)

var (
	seeds = flag.Int("seeds", 6, "how many power cuts the shop's settings must survive")
	seed  = flag.Uint64("seed", 0, "cut the power once, with this seed")
)

// TestMain runs this program as what it was started as: a disk, a server that
// is to lose, or the tests.
func TestMain(m *testing.M) {
	disk.Main()
	if filepath.Base(os.Args[0]) == carelessNATS {
		if err := serveCarelessly(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "nats:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	flag.Parse()
	os.Exit(m.Run())
}
