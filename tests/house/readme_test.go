package house_test

import (
	"fmt"
	"go/ast"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"bazaar/shared/order"
)

// section gives the lines of README.md below a heading, up to the next one of
// its level or of one above.
func section(t *testing.T, heading string) []string {
	t.Helper()
	lines := strings.Split(ours(t).read(t, "README.md"), "\n")
	start := slices.Index(lines, heading)
	if start < 0 {
		t.Fatalf("README.md has no heading %q", heading)
	}
	rest := lines[start+1:]
	if end := slices.IndexFunc(rest, func(l string) bool { return 0 < level(l) && level(l) <= level(heading) }); end >= 0 {
		return rest[:end]
	}
	return rest
}

// level is how deep a heading is, 0 for another line.
func level(line string) int {
	marks, _, found := strings.Cut(line, " ")
	if !found || strings.Trim(marks, "#") != "" {
		return 0
	}
	return len(marks)
}

// table gives the rows of the tables among lines, without their heads.
func table(lines []string) [][]string {
	var rows [][]string
	for i, l := range lines {
		head := i+1 < len(lines) && strings.HasPrefix(lines[i+1], "|---")
		if !strings.HasPrefix(l, "|") || strings.HasPrefix(l, "|---") || head {
			continue
		}
		row := strings.Split(strings.Trim(l, "|"), "|")
		for i := range row {
			row[i] = strings.TrimSpace(row[i])
		}
		rows = append(rows, row)
	}
	return rows
}

// bare is a cell without its backquotes.
func bare(cell string) string { return strings.Trim(cell, "`") }

// quoted gives what stands between backquotes in a cell.
func quoted(cell string) []string {
	var found []string
	for i, part := range strings.Split(cell, "`") {
		if i%2 == 1 {
			found = append(found, part)
		}
	}
	return found
}

// awaited are the subjects of streams that no function emits yet, each with the
// reason why it is there.
func awaited() map[string]string {
	return map[string]string{
		"payment.refunded": "refunds are not built; push-message is ready to tell of them",
	}
}

func TestReadmeListsTheFunctions(t *testing.T) {
	t.Parallel()
	rows := table(section(t, "## The functions"))
	rows = rows[:max(len(rows)-len(table(section(t, "### Routes"))), 0)]
	var names []string
	for _, row := range rows {
		names = append(names, bare(row[0]))
	}
	slices.Sort(names)
	if have := folders(t); !slices.Equal(have, names) {
		t.Errorf("folders of functions/ %q\nREADME's table       %q", have, names)
	}
	stack := index(t)
	emitted := map[string]bool{}
	for _, row := range rows {
		f := stack.Functions[bare(row[0])]
		if len(row) != 4 || f == nil {
			t.Errorf("%q: want a function of stack.yml, called by, what it does, emits", row)
			continue
		}
		for _, topic := range strings.Split(f.Annotations["topic"], ",") {
			named := topic == "" || strings.Contains(row[1], topic) || topic == "cron-function" && strings.Contains(row[1], "cron")
			if !named {
				t.Errorf("%s: stack.yml binds it to %s, its row says %q", row[0], topic, row[1])
			}
		}
		for _, subject := range quoted(row[3]) {
			emitted[subject] = true
		}
	}
	for subject, why := range awaited() {
		if emitted[subject] {
			t.Errorf("%s is awaited (%s), but README's table has who emits it", subject, why)
		}
		emitted[subject] = true
	}
	have, want := slices.Sorted(maps.Keys(emitted)), slices.Sorted(slices.Values(subjects()))
	if !slices.Equal(have, want) {
		t.Errorf("emitted by README's table %q\nsubjects of the streams   %q", have, want)
	}
}

// TestReadmeListsTheRoutes holds the table of routes against the routes that
// each function assembles, with their doors.
func TestReadmeListsTheRoutes(t *testing.T) {
	t.Parallel()
	tree := ours(t)
	want := map[string]string{}
	for _, name := range folders(t) {
		for _, s := range tree.in("functions/" + name) {
			ast.Inspect(s.file, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					if pattern, door := route(t, tree, s, call); door != "" {
						method, path, _ := strings.Cut(pattern, " ")
						want[method+" "+name+strings.TrimSuffix(path, "/{$}")] = door
					}
				}
				return true
			})
		}
	}
	have := map[string]string{}
	for _, row := range table(section(t, "### Routes")) {
		have[bare(row[0])] = row[1]
	}
	same(t, "### Routes", have, want)
}

// route gives the pattern and the door of a call that makes a route; an event's
// route is none.
func route(t *testing.T, tree tree, s source, call *ast.CallExpr) (pattern, door string) {
	t.Helper()
	at := 0
	switch selector(call.Fun) {
	case "fn.Public":
		door = "anyone"
	case "fn.Raw":
		door = "partner"
	case "fn.User":
		door, at = "user", 1
	default:
		return "", ""
	}
	dir := path.Dir(s.path)
	pattern, ok := tree.constant(t, s, dir, call.Args[at])
	if !ok {
		t.Errorf("%s: the pattern is no constant", tree.at(s, call))
	}
	for _, arg := range call.Args[at+2:] {
		option, ok := arg.(*ast.CallExpr)
		if !ok {
			continue
		}
		switch selector(option.Fun) {
		case "fn.Roles":
			var roles []string
			for _, r := range option.Args {
				role, _ := tree.constant(t, s, dir, r)
				roles = append(roles, role)
			}
			door = strings.Join(roles, ", ")
		case "fn.NeedsKey":
			door += ", key"
		}
	}
	return pattern, door
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
		"connector": settingsOf(t, tree, "infra/cmd/connector", "settings"),
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
		have[bare(row[0])] = bare(row[1])
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
		have[bare(row[0])] = ""
	}
	same(t, "### Secrets", have, want)
}

func same(t *testing.T, what string, have, want map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if value, ok := have[name]; !ok || value != want[name] {
			t.Errorf("README.md, %s: %s is %q in the sources, %q in the table (listed: %t)", what, name, want[name], value, ok)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if _, ok := want[name]; !ok {
			t.Errorf("README.md, %s: nothing reads %s", what, name)
		}
	}
}
