package journal_test

import (
	"bytes"
	"strings"
	"testing"

	"bazaar/infra/local/journal"
)

// FuzzWriter: in whatever pieces a program speaks, its lines are those that it
// wrote, whole or cut where they are too long, and nothing is lost.
func FuzzWriter(f *testing.F) {
	for _, text := range []string{"a\nb\n", "a", "\r\n\r\n", "\n\n", "a\rb\n", strings.Repeat("x", 70_000) + "\nend", "\x00\xff"} {
		f.Add([]byte(text), uint16(3))
	}
	f.Add([]byte("one line\nand another"), uint16(0))
	f.Fuzz(func(t *testing.T, text []byte, piece uint16) {
		var file bytes.Buffer
		j := journal.New(&file)
		w := j.Writer("echo-1")
		for rest := text; len(rest) > 0; {
			n := min(int(piece)+1, len(rest))
			if wrote, err := w.Write(rest[:n]); wrote != n || err != nil {
				t.Fatalf("%d of %d bytes, %v", wrote, n, err)
			}
			rest = rest[n:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		for _, line := range j.Last(0) {
			if strings.Contains(line.Text, "\n") || len(line.Text) > 128<<10 || line.Instance != "echo-1" {
				t.Errorf("a line of %d bytes: %q", len(line.Text), line.Text[:min(100, len(line.Text))])
			}
			said.WriteString(line.Text + "\n")
		}
		if lines := bytes.Count(text, []byte("\n")); lines < 1000 && said.String() != file.String() {
			t.Errorf("%d bytes are remembered, %d in the file", said.Len(), file.Len())
		}
		plain := strings.NewReplacer("\r", "", "\n", "")
		if plain.Replace(file.String()) != plain.Replace(string(text)) {
			t.Errorf("%d bytes were written, %d are in the file", len(text), file.Len())
		}
	})
}
