package support

import (
	"fmt"
	"os"
	"strconv"
	"testing"
)

// Scratch runs tests that share a folder, whose path it writes before they begin.
func Scratch(m *testing.M, name string, path *string) int {
	var err error
	if *path, err = os.MkdirTemp("", "bazaar-"+name+"-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(*path) }()
	return m.Run()
}

// Number reads a setting of the tests from the environment.
func Number(t testing.TB, name string, otherwise float64) float64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}
