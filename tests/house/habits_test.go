package house_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// constants are the calls whose result may stand in a package variable: values
// that nothing changes after the program has started.
func constants() []string {
	return []string{"errors.New", "regexp.MustCompile", "rdb.NewScript", "template.Must", "strings.NewReplacer"}
}

// variableRule finds package variables that could change. Allowed are
// sentinel errors, regular expressions, scripts, embedded files and the proof
// that a type fulfils an interface; in tests also what is made once.
func variableRule(t tree) []string {
	var wrong []string
	for _, s := range t.sources {
		for _, d := range s.file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				if !s.isTest() && !isConstant(v, g.Doc) {
					wrong = append(wrong, fmt.Sprintf("%s: the package variable %s can change", t.at(s, v), v.Names[0].Name))
				}
			}
		}
	}
	return wrong
}

func isConstant(v *ast.ValueSpec, doc *ast.CommentGroup) bool {
	if v.Names[0].Name == "_" || v.Type != nil && selector(v.Type) == "embed.FS" {
		return true
	}
	if v.Doc != nil {
		doc = v.Doc
	}
	// An embedded file is a string or bytes with no value in the source.
	if doc != nil && len(v.Values) == 0 {
		return slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
	}
	return len(v.Values) > 0 && !slices.ContainsFunc(v.Values, func(e ast.Expr) bool {
		call, ok := e.(*ast.CallExpr)
		return !ok || !slices.Contains(constants(), selector(call.Fun))
	})
}

// selector gives "pkg.Name" of such an expression, "" of another.
func selector(e ast.Expr) string {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return ""
	}
	return x.Name + "." + sel.Sel.Name
}

// callRule finds calls that are not ours: init, sleeping, panics and exits
// deep inside, contexts that nobody has decided, tests that do not run.
func callRule(t tree) []string {
	var wrong []string
	for _, s := range t.sources {
		var bubble ast.Node // a test whose clock is not the real one: to sleep there takes no time
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil && n.Name.Name == "init" {
					wrong = append(wrong, t.at(s, n)+": an init function")
				}
			case *ast.CallExpr:
				if selector(n.Fun) == "synctest.Test" {
					bubble = n
				}
				asleep := selector(n.Fun) == "time.Sleep" && bubble != nil && n.End() < bubble.End()
				if why := forbiddenCall(n, s); why != "" && !asleep {
					wrong = append(wrong, t.at(s, n)+": "+why)
				}
			}
			return true
		})
	}
	return wrong
}

func forbiddenCall(c *ast.CallExpr, s source) string {
	if ident, ok := c.Fun.(*ast.Ident); ok && ident.Name == "panic" && !s.isTest() && !s.under("shared/crash") {
		return "a panic: return an error"
	}
	sel, ok := c.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	switch name := selector(sel); {
	case name == "time.Sleep":
		return "a sleep: wait for what is to happen, or poll with a timer and a deadline"
	case name == "context.TO"+"DO":
		return "a context that nobody has decided"
	case strings.HasPrefix(name, "log.Fatal"), strings.HasPrefix(name, "log.Panic"):
		return name + ": return an error"
	case slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name) && s.isTest():
		return "a test that does not run: what it needs is there, or it fails"
	}
	return ""
}

// commentRule finds packages that do not say what they own, exported names
// without their contract, and notes of unfinished work.
func commentRule(t tree) []string {
	var wrong []string
	told := map[string]bool{}
	for _, s := range t.sources {
		dir := path.Dir(s.path)
		told[dir] = told[dir] || s.file.Doc != nil
		for _, group := range s.file.Comments {
			for _, mark := range []string{"TO" + "DO", "FIX" + "ME", "X" + "XX"} {
				if strings.Contains(group.Text(), mark) {
					wrong = append(wrong, t.at(s, group)+": a "+mark)
				}
			}
		}
		if !s.isTest() {
			wrong = append(wrong, undocumented(t, s)...)
		}
	}
	for dir, ok := range told {
		if !ok {
			wrong = append(wrong, dir+": no file says what the package is for")
		}
	}
	slices.Sort(wrong)
	return wrong
}

// undocumented finds exported functions, methods of exported types, and types
// of libraries without a comment. A main package exports nothing.
func undocumented(t tree, s source) []string {
	if s.file.Name.Name == "main" {
		return nil
	}
	var wrong []string
	for _, d := range s.file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			spoken := d.Recv == nil || ast.IsExported(receiver(d)) && !slices.Contains([]string{"Error", "String", "Unwrap"}, d.Name.Name)
			if d.Name.IsExported() && d.Doc == nil && spoken {
				wrong = append(wrong, fmt.Sprintf("%s: %s has no comment", t.at(s, d), d.Name.Name))
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				typ, ok := spec.(*ast.TypeSpec)
				if ok && typ.Name.IsExported() && d.Doc == nil && typ.Doc == nil && typ.Comment == nil {
					wrong = append(wrong, fmt.Sprintf("%s: %s has no comment", t.at(s, typ), typ.Name.Name))
				}
			}
		}
	}
	return wrong
}

func receiver(f *ast.FuncDecl) string {
	e := f.Recv.List[0].Type
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	if index, ok := e.(*ast.IndexExpr); ok {
		e = index.X
	}
	if ident, ok := e.(*ast.Ident); ok {
		return ident.Name
	}
	return ""
}

func TestPackageVariables(t *testing.T) {
	t.Parallel()
	rule(variableRule).holds(t)
}

func TestCalls(t *testing.T) {
	t.Parallel()
	rule(callRule).holds(t)
}

func TestComments(t *testing.T) {
	t.Parallel()
	rule(commentRule).holds(t)
}

func TestHabitRulesFindWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	const doc = "// Package a is an example.\npackage a\n"
	cases := []struct {
		rule rule
		path string
		body string
		want int
	}{
		{variableRule, "shared/a/a.go", "var n int", 1},
		{variableRule, "shared/a/a.go", "var m = map[string]int{}", 1},
		{variableRule, "shared/a/a.go", "var now = time.Now", 1},
		{variableRule, "shared/a/a.go", "var err = errors.New(\"x\")", 0},
		{variableRule, "shared/a/a.go", "var _ io.Reader = (*R)(nil)", 0},
		{variableRule, "shared/a/a.go", "//go:embed x\nvar files embed.FS", 0},
		{variableRule, "shared/a/a.go", "//go:embed x\nvar list []byte", 0},
		{variableRule, "shared/a/a.go", "var list []byte", 1},
		{variableRule, "shared/a/a_test.go", "var once sync.Once", 0},
		{callRule, "shared/a/a.go", "func init() {}", 1},
		{callRule, "shared/a/a.go", "func f() { time.Sleep(1) }", 1},
		{callRule, "shared/a/a_test.go", "func f() { synctest.Test(t, func(t *testing.T) { time.Sleep(1) }) }", 0},
		{callRule, "shared/a/a_test.go", "func f() { synctest.Test(t, g); time.Sleep(1) }", 1},
		{callRule, "shared/a/a.go", "func f() { panic(1) }", 1},
		{callRule, "shared/crash/a.go", "func f() { panic(1) }", 0}, // that is what it is for
		{callRule, "shared/a/a.go", "func f() { log.Fatalf(\"x\") }", 1},
		{callRule, "shared/a/a_test.go", "func f() { panic(1) }", 0},
		{callRule, "shared/a/a_test.go", "func TestX(t *testing.T) { t.Skip() }", 1},
		{callRule, "shared/a/a.go", "func (R) init() {}", 0},
		{commentRule, "shared/a/a.go", "// TO" + "DO: later.\nfunc f() {}", 1},
		{commentRule, "shared/a/a.go", "func F() {}", 1},
		{commentRule, "shared/a/a.go", "type T struct{}", 1},
		{commentRule, "shared/a/a.go", "type t struct{}\n\nfunc (t) F() {}", 0},
	}
	for _, c := range cases {
		bad := parse(t, fstest.MapFS{c.path: {Data: []byte(doc + "\n" + c.body + "\n")}})
		if found := c.rule(bad); len(found) != c.want {
			t.Errorf("%s %q: found %q, want %d problems", c.path, c.body, found, c.want)
		}
	}
	silent := parse(t, fstest.MapFS{"shared/a/a.go": {Data: []byte("package a\n")}})
	if found := commentRule(silent); len(found) != 1 {
		t.Errorf("a package without a comment: found %q", found)
	}
}
