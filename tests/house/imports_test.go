package house_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "bazaar"

// layers says what of shared/ each tool may import; every other package of
// shared/ is a domain. A package may always import itself, its own folders
// included: payment/alipay is a part of payment.
func layers() map[string][]string {
	base := []string{"fault"}
	stores := []string{"fault", "event", "config", "telemetry"}
	above := append([]string{"pg", "rdb", "bus"}, stores...)
	return map[string][]string{
		"fault": {}, "event": {}, "crash": {}, "leak": {}, "money": base,
		"config": base, "auth": base, "telemetry": base,
		"pg": stores, "rdb": stores, "bus": stores,
		"outbox": append([]string{"crash"}, above...), "idem": above, "limit": above,
		"fn": {"fault", "auth", "config", "telemetry", "event", "leak"},
		// Where the runtime and the stores meet.
		"stores": append([]string{"fn", "auth", "identity"}, above...),
	}
}

// tools gives the names in layers that a domain may import: all but fn
// and stores, since a domain does not know how it is served.
func tools() []string {
	var names []string
	for name := range layers() {
		if name != "fn" && name != "stores" {
			names = append(names, name)
		}
	}
	return names
}

// mayImport says whether a file of package from may import package to; both are
// paths inside the module.
func mayImport(from, to string) bool {
	area, noun := split(from)
	toArea, toNoun := split(to)
	switch area {
	case "tests":
		return true
	case "functions":
		return toArea == "shared" || to == from
	case "infra":
		return toArea == "shared" || toArea == "infra"
	case "shared":
		if toArea != "shared" {
			return false
		}
		allowed, tool := layers()[noun]
		if !tool {
			allowed = tools()
		}
		return toNoun == noun || slices.Contains(allowed, toNoun)
	}
	return false
}

func split(pkg string) (area, noun string) {
	area, rest, _ := strings.Cut(pkg, "/")
	noun, _, _ = strings.Cut(rest, "/")
	return area, noun
}

// importRule holds every import of ours against who may import whom.
func importRule(t tree) []string {
	var wrong []string
	for _, s := range t.sources {
		from := s.path[:max(strings.LastIndex(s.path, "/"), 0)]
		for _, spec := range s.file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				wrong = append(wrong, fmt.Sprintf("%s: %v", t.at(s, spec), err))
				continue
			}
			to, own := strings.CutPrefix(name, module+"/")
			if own && !mayImport(from, to) {
				wrong = append(wrong, fmt.Sprintf("%s: %s may not import %s", t.at(s, spec), from, to))
			}
		}
	}
	return wrong
}

func TestImports(t *testing.T) {
	t.Parallel()
	rule(importRule).holds(t)
}

func TestImportRuleFindsWhatIsForbidden(t *testing.T) {
	t.Parallel()
	cases := []struct{ from, to string }{
		{"shared/fault", "shared/config"},
		{"shared/event", "shared/fault"},
		{"shared/crash", "shared/fault"},
		{"shared/leak", "shared/crash"},
		{"shared/fn", "shared/crash"},
		{"shared/config", "shared/telemetry"},
		{"shared/pg", "shared/rdb"},
		{"shared/bus", "shared/outbox"},
		{"shared/outbox", "shared/order"},
		{"shared/fn", "shared/pg"},
		{"shared/fn", "shared/order"},
		{"shared/order", "shared/stock"},
		{"shared/order", "shared/fn"},
		{"shared/order", "shared/stores"},
		{"shared/fn", "shared/stores"},
		{"shared/order", "shared/payment/alipay"},
		{"shared/payment/alipay", "shared/order"},
		{"shared/order", "infra/schema"},
		{"shared/order", "tests/support"},
		{"functions/create-order", "functions/catalog"},
		{"functions/create-order", "infra/schema"},
		{"infra/trigger", "functions/catalog"},
		{"infra/trigger", "tests/support"},
	}
	for _, c := range cases {
		bad := parse(t, fstest.MapFS{c.from + "/x.go": {Data: []byte("package x\n\nimport _ \"" + module + "/" + c.to + "\"\n")}})
		if found := importRule(bad); len(found) != 1 {
			t.Errorf("%s imports %s: found %q, want one problem", c.from, c.to, found)
		}
	}
}

func TestImportRuleLetsTheRestPass(t *testing.T) {
	t.Parallel()
	cases := []struct{ from, to string }{
		{"shared/money", "shared/fault"},
		{"shared/payment", "shared/payment/alipay"},
		{"shared/order", "shared/idem"},
		{"shared/outbox", "shared/crash"},
		{"shared/fn", "shared/event"},
		{"functions/create-order", "shared/order"},
		{"infra/cmd/local", "infra/local/stack"},
		{"tests/flow", "functions/catalog"},
	}
	for _, c := range cases {
		if !mayImport(c.from, c.to) {
			t.Errorf("%s may not import %s, but should", c.from, c.to)
		}
	}
}
