package leak_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// life is what a program's log says of the processes that it was.
type life struct {
	starts int
	wholes int      // ends at which no goroutine was left
	left   []string // the stacks of those that were, one entry a process
	most   int      // calls that ran when a drain began
}

// readLife reads a log. start is what the program says when it is there.
func readLife(log, start string) life {
	var l life
	for text := range strings.Lines(log) {
		var line struct {
			Msg     string
			Stacks  string
			Running int
		}
		if json.Unmarshal([]byte(text), &line) != nil {
			continue
		}
		switch line.Msg {
		case start:
			l.starts++
		case "no goroutine is left":
			l.wholes++
		case "goroutines are left":
			l.left = append(l.left, brief(line.Stacks))
		case "draining":
			l.most = max(l.most, line.Running)
		}
	}
	return l
}

// brief is of each stack what it waits for, what of it is ours, and who began it.
func brief(stacks string) string {
	var kept []string
	for line := range strings.Lines(stacks) {
		line = strings.TrimSpace(line)
		if strings.Contains(line, "Goroutine ") || strings.HasPrefix(line, "created by ") || strings.HasPrefix(line, "bazaar/") || strings.HasPrefix(line, "main.") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// wrong says what a life should not have been. ends is how many there were at least.
func (l life) wrong(ends int) []string {
	var found []string
	for _, stacks := range l.left {
		found = append(found, "left behind:\n"+stacks)
	}
	if missing := l.starts - l.wholes - len(l.left); missing != 0 {
		found = append(found, fmt.Sprintf("started %d times, said %d times how it ended", l.starts, l.wholes+len(l.left)))
	}
	if l.starts < ends {
		found = append(found, fmt.Sprintf("started %d times, not %d", l.starts, ends))
	}
	return found
}

func TestALifeIsReadWhole(t *testing.T) {
	t.Parallel()
	const begin, end = `{"level":"INFO","msg":"ready"}` + "\n", `{"msg":"no goroutine is left","program":"a"}` + "\n"
	for name, c := range map[string]struct {
		log  string
		ends int
		good bool
	}{
		"two whole lives":    {begin + "no JSON\n" + end + begin + end, 2, true},
		"one is not enough":  {begin + end, 2, false},
		"nothing":            {"", 1, false},
		"no word at the end": {begin + end + begin, 1, false},
		"a goroutine left":   {begin + `{"msg":"goroutines are left","stacks":"main.f()"}`, 1, false},
	} {
		if wrong := readLife(c.log, "ready").wrong(c.ends); (len(wrong) == 0) != c.good {
			t.Errorf("%s: %q", name, wrong)
		}
	}
}

// services are the programs of infra/cmd that live until they are told to end,
// with what each says when it is there. The runner says it to whoever started it.
func services() map[string]string {
	return map[string]string{"trigger": "started", "paysim": "listening", "nats": "ready", "connector": "started"}
}

// programs are all of them with their first words: every function, and services.
func programs(t testing.TB) map[string]string {
	t.Helper()
	all := services()
	for _, name := range folders(t, "../../functions") {
		all[name] = "ready"
	}
	return all
}

func folders(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%d programs in %s: %v", len(entries), dir, err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// TestEveryProgramSaysHowItEnds: one that lives long and does not check would
// never be found to leave anything.
func TestEveryProgramSaysHowItEnds(t *testing.T) {
	t.Parallel()
	errands := []string{"dead", "migrate", "roles", "secrets", "verify"} // end by themselves
	for _, name := range folders(t, "../../infra/cmd") {
		source, err := os.ReadFile(filepath.Join("../../infra/cmd", name, "main.go"))
		if err != nil {
			t.Fatal(err)
		}
		checks := strings.Contains(string(source), fmt.Sprintf("leak.Check(%q)", name))
		if checks == slices.Contains(errands, name) {
			t.Errorf("infra/cmd/%s: checks its end: %t, ends by itself: %t", name, checks, !checks)
		}
		if _, known := services()[name]; checks && !known && name != "local" {
			t.Errorf("infra/cmd/%s is not among the programs that are watched here", name)
		}
	}
	for _, name := range folders(t, "../../functions") {
		source, err := os.ReadFile(filepath.Join("../../functions", name, "main.go"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(source), fmt.Sprintf("fn.Main(%q,", name)) {
			t.Errorf("functions/%s does not end in fn.Main, which checks", name)
		}
	}
}
