package house_test

import (
	"go/ast"
	"go/token"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// setting is a field of a settings struct that the environment fills.
type setting struct{ name, standard string }

// settings are what a process reads from outside, as its settings struct says.
type settings struct {
	env     []setting
	secrets []string
}

// settingsOf reads the struct typ of the package in dir with all the structs in
// it, from the sources alone.
func settingsOf(tb testing.TB, t tree, dir, typ string) settings {
	tb.Helper()
	var found settings
	t.collect(tb, dir, typ, &found)
	return found
}

func (t tree) collect(tb testing.TB, dir, typ string, into *settings) {
	tb.Helper()
	s, fields := t.structure(dir, typ)
	if fields == nil {
		return // a type that is no struct, or none of ours
	}
	for _, f := range fields.List {
		tag := reflect.StructTag("")
		if f.Tag != nil {
			tag = reflect.StructTag(unquote(tb, f.Tag))
		}
		if name := tag.Get("env"); name != "" {
			name, _, _ = strings.Cut(name, ",")
			into.env = append(into.env, setting{name, tag.Get("envDefault")})
			continue
		}
		if name, ok := tag.Lookup("secret"); ok {
			name, _, _ = strings.Cut(name, ",")
			into.secrets = append(into.secrets, name)
			continue
		}
		switch typ := f.Type.(type) {
		case *ast.Ident:
			t.collect(tb, dir, typ.Name, into)
		case *ast.SelectorExpr:
			if pkg := imported(tb, s, typ.X.(*ast.Ident).Name); pkg != "" {
				t.collect(tb, pkg, typ.Sel.Name, into)
			}
		}
	}
}

// structure finds the struct type of that name in a folder.
func (t tree) structure(dir, name string) (source, *ast.FieldList) {
	for _, s := range t.in(dir) {
		for _, d := range s.file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, spec := range g.Specs {
				typ := spec.(*ast.TypeSpec)
				if st, ok := typ.Type.(*ast.StructType); ok && typ.Name.Name == name {
					return s, st.Fields
				}
			}
		}
	}
	return source{}, nil
}

// imported gives the folder of the package that a file knows by that name, ""
// for one that is not ours.
func imported(tb testing.TB, s source, name string) string {
	tb.Helper()
	for _, spec := range s.file.Imports {
		path := unquote(tb, spec.Path)
		dir, own := strings.CutPrefix(path, module+"/")
		if own && (strings.HasSuffix(path, "/"+name) && spec.Name == nil || spec.Name != nil && spec.Name.Name == name) {
			return dir
		}
	}
	return ""
}

func unquote(tb testing.TB, lit *ast.BasicLit) string {
	tb.Helper()
	text, err := strconv.Unquote(lit.Value)
	if err != nil {
		tb.Fatalf("reading %s: %v", lit.Value, err)
	}
	return text
}

// constant evaluates a string expression of a file: a literal, a constant of
// the same package, or one of another package of ours. ok is false for others.
func (t tree) constant(tb testing.TB, s source, dir string, e ast.Expr) (value string, ok bool) {
	tb.Helper()
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			return unquote(tb, e), true
		}
	case *ast.Ident:
		return t.named(tb, dir, e.Name)
	case *ast.SelectorExpr:
		if x, isName := e.X.(*ast.Ident); isName {
			if pkg := imported(tb, s, x.Name); pkg != "" {
				return t.named(tb, pkg, e.Sel.Name)
			}
		}
	case *ast.BinaryExpr:
		left, okLeft := t.constant(tb, s, dir, e.X)
		right, okRight := t.constant(tb, s, dir, e.Y)
		return left + right, okLeft && okRight && e.Op == token.ADD
	}
	return "", false
}

// named evaluates the string constant of that name in a folder.
func (t tree) named(tb testing.TB, dir, name string) (string, bool) {
	tb.Helper()
	for _, c := range t.constants(dir) {
		if c.name == name {
			return t.constant(tb, c.source, dir, c.value)
		}
	}
	return "", false
}

type constantDecl struct {
	name   string
	value  ast.Expr
	source source
}

// constants gives the constants of a folder that have a value of their own.
func (t tree) constants(dir string) []constantDecl {
	var found []constantDecl
	for _, s := range t.in(dir) {
		for _, d := range s.file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				for i := range min(len(v.Names), len(v.Values)) {
					found = append(found, constantDecl{v.Names[i].Name, v.Values[i], s})
				}
			}
		}
	}
	return found
}
