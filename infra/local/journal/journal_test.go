package journal_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bazaar/infra/local/journal"
)

func texts(lines []journal.Line) string {
	var all []string
	for _, l := range lines {
		all = append(all, l.Instance+":"+l.Text)
	}
	return strings.Join(all, " ")
}

func TestLinesAreGatheredFromPieces(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	j := journal.New(&out)
	a, b := j.Writer("a"), j.Writer("b")
	for _, step := range []struct {
		w    interface{ Write([]byte) (int, error) }
		text string
	}{{a, "one\ntw"}, {b, "other\r\n"}, {a, "o\nlast"}} {
		if _, err := step.w.Write([]byte(step.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if got := texts(j.Last(0)); got != "a:one b:other a:two a:last" {
		t.Errorf("lines %q", got)
	}
	if out.String() != "one\nother\ntwo\nlast\n" {
		t.Errorf("file %q", out.String())
	}
	if got := texts(j.Last(1)); got != "a:last" {
		t.Errorf("the last line is %q", got)
	}
}

func TestALineWithoutEndIsCut(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	j := journal.New(&out)
	w := j.Writer("a")
	for range 100 {
		if _, err := w.Write(bytes.Repeat([]byte("x"), 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if lines := j.Last(0); len(lines) != 1 || len(lines[0].Text) < 64<<10 {
		t.Errorf("%d lines", len(lines))
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	j := journal.New(&bytes.Buffer{})
	w := j.Writer("a")
	for n := range 4500 {
		fmt.Fprintf(w, "%d\n", n)
	}
	all := j.Last(0)
	if len(all) != 2000 || all[0].Text != "2500" || all[1999].Text != "4499" {
		t.Errorf("%d lines from %s to %s", len(all), all[0].Text, all[len(all)-1].Text)
	}
}

func TestAFollowerMissesNothingAndALateOneIsCutOff(t *testing.T) {
	t.Parallel()
	j := journal.New(&bytes.Buffer{})
	w := j.Writer("a")
	fmt.Fprint(w, "0\n1\n2\n")
	ctx, stop := context.WithCancel(t.Context())
	past, lines := j.Follow(ctx, 2)
	if texts(past) != "a:1 a:2" {
		t.Errorf("past %q", texts(past))
	}
	fmt.Fprint(w, "3\n")
	if l := <-lines; l.Text != "3" {
		t.Errorf("followed %q", l.Text)
	}
	stop()
	if _, open := <-lines; open {
		t.Error("the channel is open after its context ended")
	}
	_, late := j.Follow(t.Context(), 0)
	for n := range 1500 {
		fmt.Fprintf(w, "%d\n", n)
	}
	got := 0
	for range late {
		got++
	}
	if got != 1000 {
		t.Errorf("a late follower got %d lines before it was cut off", got)
	}
}

func TestAFileRotatesBySize(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.log")
	for range 2 { // it goes on where it ended
		f, err := journal.OpenFile(path, 100)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 9 {
			if _, err := fmt.Fprintf(f, "line %03d\n", n); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte("after the end")); err != nil {
			t.Errorf("writing after Close: %v", err)
		}
	}
	now, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path + ".1")
	if err != nil {
		t.Fatal(err)
	}
	if len(before) != 99 || len(now) != 63 || strings.Contains(string(now), "after") {
		t.Errorf("%d bytes before and %d now", len(before), len(now))
	}
}
