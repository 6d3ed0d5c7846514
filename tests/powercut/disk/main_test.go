//go:build linux

package disk_test

import (
	"os"
	"testing"

	"bazaar/tests/powercut/disk"
)

func TestMain(m *testing.M) {
	disk.Main()
	os.Exit(m.Run())
}
