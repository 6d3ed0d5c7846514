package fault_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// round is the points that are armed together. A trigger that dies lets go of
// its batch, which comes again one by one: so the middle of a batch is in another
// round than the end of a call.
type round struct {
	placing []string // on the way of orders
	paying  []string // of payments: the next payment dies at the next point
	settle  []string // of what is told of them
}

func rounds() []round {
	return []round{
		{
			placing: []string{
				"create-order.publish", "create-order.published", "create-order.finished",
				"reserve-stock.commit", "reserve-stock.committed", "trigger.halfway.reserve-stock.QUEUE",
				"push-message.committed",
			},
			paying: []string{"create-payment.asked", "outbox.published", "outbox.relayed", "payment-callback.committed"},
			settle: []string{"settle-order.commit", "settle-order.committed", "trigger.halfway.settle-order.PAYMENTS"},
		},
		{
			placing: []string{"outbox.published", "trigger.answered.reserve-stock.QUEUE", "push-message.announced"},
			settle:  []string{"trigger.answered.settle-order.PAYMENTS", "trigger.answered.settle-order.CRON"},
		},
	}
}

func (r round) points() []string { return slices.Concat(r.placing, r.paying, r.settle) }

// alone is every point in a round of its own. What is relayed was left in the
// outbox by somebody who had died.
func alone() []round {
	var all []round
	for _, r := range rounds() {
		for _, p := range r.placing {
			all = append(all, round{placing: []string{p}})
		}
		for _, p := range r.paying {
			if p == "outbox.relayed" {
				all = append(all, round{paying: []string{"outbox.published", p}})
				continue
			}
			all = append(all, round{paying: []string{p}})
		}
		for _, p := range r.settle {
			all = append(all, round{settle: []string{p}})
		}
	}
	return all
}

// buried are the points between a dead letter and the acknowledgement of what
// it is of: TestATriggerThatDiesOverADeadLetterWritesOne.
func buried() map[string]consumer {
	return map[string]consumer{
		"trigger.buried.reserve-stock.QUEUE":   placedTo(),
		"trigger.buried.settle-order.PAYMENTS": notifiedTo(),
	}
}

// points are the named moments that a process of the order's way may die at.
func points() []string {
	var all []string
	for _, r := range rounds() {
		all = append(all, r.points()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// elsewhere are the points that other tests arm, with the file that does.
func elsewhere() map[string]string {
	return map[string]string{"connector.fan": "../storm/kill_test.go"}
}

// arms reports whether a file of tests calls arm with a point.
func arms(t *testing.T, path, point string) (does bool) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		f, ok := call.Fun.(*ast.SelectorExpr)
		does = does || ok && f.Sel.Name == "arm" && slices.ContainsFunc(call.Args, func(a ast.Expr) bool {
			literal, ok := a.(*ast.BasicLit)
			return ok && literal.Value == strconv.Quote(point)
		})
		return true
	})
	return does
}

// unreached says why a point that the code could pass never is: a tick comes
// alone, and one that fails is overtaken by the next before its attempts end.
func unreached(point string) bool {
	return strings.HasSuffix(point, "."+ticksTo().stream) && !strings.Contains(point, ".answered.")
}

// TestEveryPointOfTheCodeIsDriven: a point that no test arms proves nothing, and
// one that no code passes is never seen to be missing.
func TestEveryPointOfTheCodeIsDriven(t *testing.T) {
	t.Parallel()
	driven := points()
	for p := range buried() {
		driven = append(driven, p)
	}
	for p, file := range elsewhere() {
		if driven = append(driven, p); !arms(t, file, p) {
			t.Errorf("%s is said to be armed in %s, and is not", p, file)
		}
	}
	named := namedPoints(t, "../..")
	for _, p := range named {
		if !slices.Contains(driven, p) && !unreached(p) {
			t.Errorf("%s is in the code, and no test arms it", p)
		}
	}
	for _, p := range driven {
		if !slices.Contains(named, p) {
			t.Errorf("%s is armed, and no code passes it", p)
		}
	}
	if len(named) < 15 {
		t.Errorf("only %v were found", named)
	}
}

// namedPoints are the points that the code of a module names. What a name takes
// from its surroundings is the function and the stream of each consumer.
func namedPoints(t *testing.T, root string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{"tests", "crash", ".git"}, d.Name()) {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && isPoint(call) {
				found = append(found, pointNames(t, call.Args)...)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func isPoint(call *ast.CallExpr) bool {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || f.Sel.Name != "Point" {
		return false
	}
	pkg, ok := f.X.(*ast.Ident)
	return ok && pkg.Name == "crash"
}

// pointNames are the names that a call can mean.
func pointNames(t *testing.T, args []ast.Expr) []string {
	t.Helper()
	var fixed []string
	for _, arg := range args {
		if literal, ok := arg.(*ast.BasicLit); ok {
			text, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			fixed = append(fixed, text)
		}
	}
	switch len(args) - len(fixed) {
	case 0:
		return []string{strings.Join(fixed, ".")}
	case 2: // the function and the stream; a trigger dies alike whomever it calls, so those of an order's way stand for all
		var names []string
		for _, c := range []consumer{placedTo(), notifiedTo(), ticksTo()} {
			names = append(names, strings.Join(append(slices.Clone(fixed), c.function, c.stream), "."))
		}
		return names
	}
	t.Fatalf("the point %v… takes parts of its name from somewhere unknown", fixed)
	return nil
}
