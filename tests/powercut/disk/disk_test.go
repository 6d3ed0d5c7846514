//go:build linux

package disk_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"bazaar/tests/powercut/disk"
)

// bench is a disk with the files of a test.
type bench struct {
	*disk.Disk
	t *testing.T
}

func newBench(t *testing.T) bench { return bench{disk.New(t), t} }

func (b bench) path(name string) string { return filepath.Join(b.Path, name) }

func (b bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// write writes a file without syncing it.
func (b bench) write(name, text string) {
	b.t.Helper()
	b.must(os.WriteFile(b.path(name), []byte(text), 0o600))
}

// sync syncs a file or a folder.
func (b bench) sync(name string) {
	b.t.Helper()
	f, err := os.Open(b.path(name))
	b.must(err)
	b.must(f.Sync())
	b.must(f.Close())
}

// holds checks everything that is there: lines "name: text", folders "name/".
func (b bench) holds(want ...string) {
	b.t.Helper()
	var have []string
	b.must(filepath.WalkDir(b.Path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == b.Path {
			return err
		}
		name := strings.TrimPrefix(path, b.Path+"/")
		if entry.IsDir() {
			have = append(have, name+"/")
			return nil
		}
		text, err := os.ReadFile(path)
		have = append(have, strings.TrimRight(name+": "+string(text), " "))
		return err
	}))
	if slices.Sort(have); !slices.Equal(have, want) {
		b.t.Errorf("there is %q, want %q", have, want)
	}
}

// TestCut tells for each way of writing what is left.
func TestCut(t *testing.T) {
	t.Parallel()
	for name, story := range stories() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.write("old", "1")
			b.must(os.Mkdir(b.path("folder"), 0o755))
			b.Settle(t)
			story.do(b)
			b.Cut(t)
			b.holds(story.left...)
			b.Cut(t)
			b.holds(story.left...) // what was left is kept
		})
	}
}

type story struct {
	do   func(b bench)
	left []string
}

func stories() map[string]story {
	before := []string{"folder/", "old: 1"}
	return map[string]story{
		"nothing is synced": {func(b bench) {
			b.write("new", "2")
			b.write("old", "2")
			b.must(os.Mkdir(b.path("more"), 0o755))
		}, before},
		"a removal that is not synced": {func(b bench) { b.must(os.Remove(b.path("old"))) }, before},
		"a rename that is not synced":  {func(b bench) { b.must(os.Rename(b.path("old"), b.path("folder/old"))) }, before},
		"a file is synced":             {func(b bench) { b.write("new", "2"); b.sync("new"); b.write("new", "3") }, []string{"folder/", "new: 2", "old: 1"}},
		"a new file is synced in new folders": {func(b bench) {
			b.must(os.MkdirAll(b.path("a/b"), 0o755))
			b.write("a/b/new", "2")
			b.write("a/b/other", "2")
			b.sync("a/b/new")
		}, []string{"a/", "a/b/", "a/b/new: 2", "folder/", "old: 1"}},
		"a folder is synced, its files are not": {func(b bench) { b.write("new", "2"); b.sync(".") }, []string{"folder/", "new:", "old: 1"}},
		"a removal is synced":                   {func(b bench) { b.must(os.Remove(b.path("old"))); b.sync(".") }, []string{"folder/"}},
		"a rename is synced where it went": {func(b bench) {
			b.must(os.Rename(b.path("old"), b.path("folder/old")))
			b.sync("folder")
		}, []string{"folder/", "folder/old: 1"}},
		"a rename is synced where it came from": {func(b bench) {
			b.must(os.Rename(b.path("old"), b.path("folder/old")))
			b.sync(".")
		}, []string{"folder/", "folder/old: 1"}},
		"a file is replaced, its folder is not synced": {func(b bench) {
			b.write("new", "2")
			b.sync("new")
			b.must(os.Rename(b.path("new"), b.path("old")))
		}, []string{"folder/", "new: 2", "old: 1"}},
		"a file is replaced and synced": {func(b bench) {
			b.write("new", "2")
			b.must(os.Rename(b.path("new"), b.path("old")))
			b.sync("old")
		}, []string{"folder/", "old: 2"}},
		"a file makes room for a synced one": {func(b bench) {
			b.must(os.Rename(b.path("old"), b.path("older")))
			b.write("old", "2")
			b.sync("old")
		}, []string{"folder/", "old: 2", "older: 1"}},
		"a file has left a folder that is gone": {func(b bench) {
			b.must(os.Rename(b.path("old"), b.path("folder/old")))
			b.sync("folder")
			b.must(os.Mkdir(b.path("other"), 0o755))
			b.must(os.Rename(b.path("folder/old"), b.path("other/rescued")))
			b.must(os.Remove(b.path("folder")))
			b.sync(".")
		}, []string{"other/", "other/rescued: 1"}},
		"a file is renamed and synced": {func(b bench) {
			b.must(os.Rename(b.path("old"), b.path("renamed")))
			b.sync("renamed")
		}, []string{"folder/", "renamed: 1"}},
		"a new folder is synced": {func(b bench) {
			b.must(os.Mkdir(b.path("more"), 0o755))
			b.sync("more")
		}, []string{"folder/", "more/", "old: 1"}},
	}
}

// TestOpenedToSync writes to files that keep every write.
func TestOpenedToSync(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name, flag := range map[string]int{"O_SYNC": syscall.O_SYNC, "O_DSYNC": syscall.O_DSYNC, "neither": 0} {
		f, err := os.OpenFile(b.path(name), os.O_CREATE|os.O_WRONLY|flag, 0o600)
		b.must(err)
		_, err = f.WriteString("2")
		b.must(err)
		b.must(f.Close())
	}
	b.Cut(t)
	b.holds("O_DSYNC: 2", "O_SYNC: 2")
}

// TestSyncOfDataOnly is what a write-ahead log does: fdatasync of a file of old.
func TestSyncOfDataOnly(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.write("log", strings.Repeat("-", 3*4096))
	b.Settle(t)
	f, err := os.OpenFile(b.path("log"), os.O_WRONLY, 0)
	b.must(err)
	_, err = f.WriteAt([]byte("one"), 4090) // over the edge of a page
	b.must(err)
	b.must(os.Rename(b.path("log"), b.path("log.old"))) // no matter of the data
	b.must(syscall.Fdatasync(int(f.Fd())))
	_, err = f.WriteAt([]byte("two"), 4096)
	b.must(err)
	b.must(f.Close())
	loss := b.Cut(t)
	text, err := os.ReadFile(b.path("log"))
	b.must(err)
	if want := strings.Repeat("-", 4090) + "one" + strings.Repeat("-", 3*4096-4093); string(text) != want {
		t.Errorf("the log is %q", text)
	}
	if want := (disk.Loss{Pages: 1, Files: 1, Names: 1}); loss != want {
		t.Errorf("lost: %s, want %s", loss, want)
	}
}

// TestCutShort keeps the length of a file that is lengthened or shortened in vain.
func TestCutShort(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	text := strings.Repeat("x", 5000)
	b.write("a", text)
	b.Settle(t)
	b.must(os.Truncate(b.path("a"), 100))
	b.Cut(t)
	b.holds("a: " + text)
	b.must(os.Truncate(b.path("a"), 100))
	b.sync("a")
	b.must(os.Truncate(b.path("a"), 9000))
	b.Cut(t)
	b.holds("a: " + text[:100])
	b.must(os.Truncate(b.path("a"), 102))
	b.sync("a")
	b.Cut(t)
	b.holds("a: " + text[:100] + "\x00\x00") // what was cut off does not come back
}

// TestOwnersGoWithTheName looks at what a server of another account needs.
func TestOwnersGoWithTheName(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.must(os.Mkdir(b.path("data"), 0o700))
	b.must(os.Chown(b.path("data"), os.Getuid(), os.Getgid()))
	b.must(os.Chmod(b.path("data"), 0o711))
	b.write("data/file", "2")
	b.sync("data/file")
	b.Cut(t)
	info, err := os.Stat(b.path("data"))
	b.must(err)
	if info.Mode().Perm() != 0o711 {
		t.Errorf("the folder has the mode %o", info.Mode().Perm())
	}
}

// TestCutPartly loses some of it, never what is synced, and with the same seed the same.
func TestCutPartly(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) (left string) {
		b := newBench(t)
		b.write("a", strings.Repeat("a", 64*4096))
		b.sync("a")
		for n := range 32 {
			b.write(fmt.Sprint("new", n), "")
		}
		f, err := os.OpenFile(b.path("a"), os.O_WRONLY, 0)
		b.must(err)
		_, err = f.Write([]byte(strings.Repeat("b", 64*4096)))
		b.must(err)
		b.must(f.Close())
		b.CutPartly(t, seed)
		text, err := os.ReadFile(b.path("a"))
		b.must(err)
		if new := strings.Count(string(text), "b"); len(text) != 64*4096 || new == 0 || new == len(text) || new%4096 != 0 {
			t.Errorf("of %d bytes %d are new, want some pages of 64", len(text), new)
		}
		names, err := os.ReadDir(b.Path)
		b.must(err)
		if new := len(names) - 1; new == 0 || new == 32 {
			t.Errorf("of 32 names %d are there, want some", new)
		}
		return fmt.Sprint(string(text), names)
	}
	once, again, other := run(1), run(1), run(2)
	if once != again {
		t.Error("the same seed lost something else")
	}
	if once == other {
		t.Error("another seed lost the same")
	}
}

// TestUse does what programs do with a disk that nobody cuts off.
func TestUse(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.must(os.MkdirAll(b.path("a/b"), 0o755))
	for _, name := range []string{"a/1", "a/2", "a/b/3"} {
		b.write(name, name)
	}
	b.must(os.Link(b.path("a/1"), b.path("a/b/1")))
	b.must(os.Symlink("../2", b.path("a/b/2")))
	if err := os.Remove(b.path("a")); !errors.Is(err, syscall.ENOTEMPTY) {
		t.Errorf("removing a full folder: %v", err)
	}
	if _, err := os.Stat(b.path("none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("looking for what is not there: %v", err)
	}
	if _, err := os.OpenFile(b.path("a/1"), os.O_CREATE|os.O_EXCL, 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("making what is there: %v", err)
	}
	f, err := os.OpenFile(b.path("a/1"), os.O_APPEND|os.O_RDWR, 0)
	b.must(err)
	_, err = f.WriteString("+")
	b.must(err)
	b.must(os.Remove(b.path("a/1")))
	b.holds("a/", "a/2: a/2", "a/b/", "a/b/1: a/1+", "a/b/2: a/2", "a/b/3: a/b/3")
	b.must(os.Remove(b.path("a/b/1")))
	text := make([]byte, 4)
	if _, err := f.ReadAt(text, 0); err != nil || string(text) != "a/1+" {
		t.Errorf("a removed file that is open reads %q, %v", text, err)
	}
	b.must(f.Close())
	b.must(os.RemoveAll(b.path("a")))
	b.holds()
}
