package house_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"bazaar/shared/order"
)

// section gives the lines of README.md below a heading, up to the next one of
// its level.
func section(t *testing.T, heading string) []string {
	t.Helper()
	lines := strings.Split(ours(t).read(t, "README.md"), "\n")
	start := slices.Index(lines, heading)
	if start < 0 {
		t.Fatalf("README.md has no heading %q", heading)
	}
	level, _, _ := strings.Cut(heading, " ")
	rest := lines[start+1:]
	end := slices.IndexFunc(rest, func(l string) bool { return strings.HasPrefix(l, level+" ") })
	if end < 0 {
		return rest
	}
	return rest[:end]
}

// table gives the rows of the tables among lines, without their heads: the
// cells as they stand, without spaces and backquotes around them.
func table(lines []string) [][]string {
	var rows [][]string
	for i, l := range lines {
		head := i+1 < len(lines) && strings.HasPrefix(lines[i+1], "|---")
		if !strings.HasPrefix(l, "|") || strings.HasPrefix(l, "|---") || head {
			continue
		}
		var row []string
		for _, cell := range strings.Split(strings.Trim(l, "|"), "|") {
			row = append(row, strings.Trim(cell, " `"))
		}
		rows = append(rows, row)
	}
	return rows
}

// quoted gives what stands between backquotes in a cell.
func quoted(cell string) []string {
	var found []string
	for i, part := range strings.Split("`"+cell+"`", "`") {
		if i%2 == 0 && part != "" && !strings.ContainsAny(part, ", ;") {
			found = append(found, part)
		}
	}
	return found
}

func TestReadmeListsTheFunctions(t *testing.T) {
	t.Parallel()
	rows := table(section(t, "## The functions"))
	var names []string
	for _, row := range rows {
		names = append(names, row[0])
	}
	slices.Sort(names)
	if have := folders(t); !slices.Equal(have, names) {
		t.Errorf("folders of functions/ %q\nREADME's table       %q", have, names)
	}
	stack := index(t)
	emitted := map[string]bool{}
	for _, row := range rows {
		if len(row) != 4 {
			t.Errorf("%s: %d cells, want name, called by, what it does, emits", row[0], len(row))
			continue
		}
		for _, topic := range strings.Split(stack.Functions[row[0]].Annotations["topic"], ",") {
			named := topic == "" || strings.Contains(row[1], topic) || topic == "cron-function" && strings.Contains(row[1], "cron")
			if !named {
				t.Errorf("%s: stack.yml binds it to %s, its row says %q", row[0], topic, row[1])
			}
		}
		for _, subject := range quoted(row[3]) {
			emitted[subject] = true
		}
	}
	have, want := slices.Sorted(maps.Keys(emitted)), slices.Sorted(slices.Values(subjects()))
	if !slices.Equal(have, want) {
		t.Errorf("emitted by README's table %q\nsubjects of the streams   %q", have, want)
	}
}

func TestReadmeDrawsTheTransitions(t *testing.T) {
	t.Parallel()
	want := diagram(order.Transitions())
	if !strings.Contains(ours(t).read(t, "README.md"), want) {
		t.Errorf("README.md does not draw order.Transitions(); it has to hold:\n%s", want)
	}
}

// diagram draws the table of transitions for mermaid.
func diagram(transitions []order.Transition) string {
	var b strings.Builder
	b.WriteString("```mermaid\nstateDiagram-v2\n    [*] --> placed\n")
	leads := map[order.State]bool{}
	for _, tr := range transitions {
		fmt.Fprintf(&b, "    %s --> %s: %s\n", tr.From, tr.To, tr.Verb)
		leads[tr.From] = true
	}
	var ended []order.State
	for _, tr := range transitions {
		if !leads[tr.To] && !slices.Contains(ended, tr.To) {
			ended = append(ended, tr.To)
			fmt.Fprintf(&b, "    %s --> [*]\n", tr.To)
		}
	}
	b.WriteString("```")
	return b.String()
}

// processes are the settings structs of all that is deployed.
func processes(t *testing.T) map[string]settings {
	t.Helper()
	tree := ours(t)
	all := map[string]settings{
		"functions": settingsOf(t, tree, "shared/fn", "Settings"),
		"trigger":   settingsOf(t, tree, "infra/cmd/trigger", "settings"),
		"migrate":   settingsOf(t, tree, "infra/schema", "Settings"),
		"nats":      settingsOf(t, tree, "infra/cmd/nats", "settings"),
	}
	for _, name := range folders(t) {
		all[name] = settingsOf(t, tree, "functions/"+name, "settings")
	}
	return all
}

func TestReadmeListsTheSettings(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	for process, s := range processes(t) {
		if len(s.env) == 0 {
			t.Errorf("no settings found for %s", process)
		}
		for _, e := range s.env {
			if other, ok := want[e.name]; ok && other != e.standard {
				t.Errorf("%s has two defaults, %q and %q", e.name, other, e.standard)
			}
			want[e.name] = e.standard
		}
	}
	have := map[string]string{}
	for _, row := range table(section(t, "### Environment")) {
		have[row[0]] = row[1]
	}
	same(t, "### Environment", have, want)
}

func TestReadmeListsTheSecrets(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	for _, s := range processes(t) {
		for _, name := range s.secrets {
			want[name] = ""
		}
	}
	have := map[string]string{}
	for _, row := range table(section(t, "### Secrets")) {
		have[row[0]] = ""
	}
	same(t, "### Secrets", have, want)
}

func same(t *testing.T, what string, have, want map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if value, ok := have[name]; !ok || value != want[name] {
			t.Errorf("README.md, %s: %s has the default %q in the sources, the table says %q (listed: %t)", what, name, want[name], value, ok)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if _, ok := want[name]; !ok {
			t.Errorf("README.md, %s: nothing reads %s", what, name)
		}
	}
}
