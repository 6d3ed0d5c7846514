package main

import (
	"path/filepath"
	"strings"
	"testing"

	"bazaar/infra/local/stack"
)

func TestMedian(t *testing.T) {
	t.Parallel()
	for want, values := range map[float64][]float64{0: nil, 3: {9, 3, 1}, 2.5: {4, 1, 2, 3}} {
		if got := median(values); got != want {
			t.Errorf("median of %v is %v, want %v", values, got, want)
		}
	}
}

func TestTarget(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		target Target
		ratio  float64
		want   string
	}{
		{atLeast(0.5), 0.5, "yes"}, {atLeast(0.5), 0.49, "**no**"},
		{atMost(1.2), 1.2, "yes"}, {atMost(1.2), 1.21, "**no**"}, {Target{}, 7, ""},
	} {
		if got := c.target.met(c.ratio); got != c.want {
			t.Errorf("%s with %v: %q, want %q", c.target, c.ratio, got, c.want)
		}
	}
}

// TestStacks: the changed stack files are what faas-cli would read too.
func TestStacks(t *testing.T) {
	t.Chdir("../..")
	for name, change := range map[string]func(string) (string, error){"256": nil, "1": oneByOne} {
		path := filepath.Join(t.TempDir(), "stack.yml")
		if err := writeStack(path, change); err != nil {
			t.Fatal(err)
		}
		read, err := stack.Read(path, ".", func(string) string { return "" })
		if err != nil {
			t.Fatal(err)
		}
		if read.Functions["empty"] == nil || read.Functions["reserve-stock"].Annotations["bazaar.batch"] != name {
			t.Errorf("batch %q, empty function %v", read.Functions["reserve-stock"].Annotations["bazaar.batch"], read.Functions["empty"])
		}
		if topics := read.Functions["push-message"].Annotations["topic"]; strings.Contains(topics, "order.") {
			t.Errorf("push-message hears %s", topics)
		}
	}
}

func TestReportNamesWhatDoesNotHold(t *testing.T) {
	t.Parallel()
	text := Report{Results: []Result{{Rows: []Row{{What: "a", Ratio: 0.4, Target: atLeast(0.5)}}, Plots: []Plot{{Name: "p", Title: "P"}}}}}.Markdown()
	for _, want := range []string{"| a |  |  | 0.40 | ≥ 0.5 | **no** |", "![P](p.png)"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %s:\n%s", want, text)
		}
	}
}
