package server

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestDataGoesWhereTheAccountReachesIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, err := accountFor("postgres")
	if err != nil {
		t.Fatalf("PostgreSQL is not installed: install the package postgresql: %v", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil { //nolint:gosec // closed on purpose
		t.Fatal(err)
	}
	got, err := Place(dir, "postgres", "postgres")
	again, errAgain := Place(dir, "postgres", "postgres")
	if err != nil || errAgain != nil || got != again {
		t.Fatalf("%s and %s, %v, %v", got, again, err, errAgain)
	}
	if inside := got == filepath.Join(dir, "postgres"); inside != (a.name == "") {
		t.Errorf("as %q it goes to %s", a.name, got)
	}
	if a.name != "" && !strings.HasPrefix(got, rootDataDir+"/") {
		t.Errorf("as root it goes to %s", got)
	}
	if other, _ := Place(t.TempDir(), "postgres", "postgres"); other == got {
		t.Errorf("two folders share %s", got)
	}
}

func TestOpenFoldersAreReached(t *testing.T) {
	t.Parallel()
	some := account{name: "some", uid: 54321, gid: 54321}
	if !some.reaches("/usr/lib") {
		t.Error("/usr/lib is closed")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil { //nolint:gosec // closed on purpose
		t.Fatal(err)
	}
	if some.reaches(dir) || !(account{}).reaches(dir) {
		t.Error("a closed folder is open to others, or closed to us")
	}
}

func TestNewestVersionIsRead(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]int{
		"/usr/lib/postgresql/15/bin": 15, "/opt/homebrew/opt/postgresql@17/bin": 17, "/usr/bin": 0, "/usr/pgsql-16": 16,
	} {
		if got := versionIn(path); got != want {
			t.Errorf("%s: %d", path, got)
		}
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	t.Parallel()
	var tl tail
	for range 1000 {
		if _, err := tl.Write([]byte("line\n")); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = tl.Write([]byte("FATAL: the last\n"))
	if got := tl.String(); !strings.HasSuffix(got, "line | FATAL: the last") || len(tl.text) > tailBytes {
		t.Errorf("%d bytes, ends in %s", len(tl.text), got)
	}
}

// FuzzVersionIn: the version of a path is a number in it, or none.
func FuzzVersionIn(f *testing.F) {
	for _, path := range []string{"/usr/lib/postgresql/15/bin", "", "/9", "/a9b10", "/99999999999999999999", "/usr/pgsql-16/bin", "/é1"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if n := versionIn(path); n < 0 || n > 0 && !strings.Contains(path, strconv.Itoa(n)) {
			t.Errorf("%q is of version %d", path, n)
		}
	})
}
