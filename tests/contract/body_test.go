package contract_test

import (
	"strings"
	"testing"
)

// malformed are bodies that are no request of anything.
func malformed() map[string]string {
	return map[string]string{
		"spaces":             "  \n ",
		"null":               "null",
		"an array":           "[]",
		"a string":           `"x"`,
		"a number":           "1",
		"a boolean":          "true",
		"cut short":          `{"quantity":`,
		"an unknown field":   `{"surprise":1}`,
		"a bare name":        `{quantity:1}`,
		"single quotes":      `{'quantity':1}`,
		"a comment":          `{}//`,
		"a byte order mark":  "\xef\xbb\xbf{}",
		"NUL":                "\x00",
		"UTF-16":             "{\x00}\x00",
		"invalid UTF-8":      "{\"\xff\":1}",
		"a lone surrogate":   `{"\ud800":1}`,
		"NaN":                `{"quantity":NaN}`,
		"deep arrays":        strings.Repeat("[", 30000) + strings.Repeat("]", 30000),
		"deep objects":       strings.Repeat(`{"a":`, 10000) + "1" + strings.Repeat("}", 10000),
		"a very long name":   `{"` + strings.Repeat("k", 60000) + `":1}`,
		"a name of a script": `{"<script>alert(1)</script>":1}`,
		"a name of lines":    `{"a\r\nX-Evil: 1":1}`,
	}
}

func TestMalformedBodies(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.unchanged(t, func() {
		for _, e := range s.writes(t) {
			for name, body := range malformed() {
				if p := e.call(t, body).fails(t, 400, "invalid_body"); len(p.Detail) > 300 {
					t.Errorf("%s %s: the sentence has %d bytes", e.path, name, len(p.Detail))
				}
			}
		}
	})
}

// Bodies made of a good one: what is twice, what follows, what is written otherwise.
func TestSpoiledBodies(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.unchanged(t, func() {
		for _, e := range s.writes(t) {
			if e.body == "" {
				continue
			}
			name := strings.Split(e.body, `"`)[1]
			for body, field := range map[string]string{
				e.body + "x":    "",
				e.body + e.body: "",
				e.body[:len(e.body)-1] + "," + e.body[1:]:               name,
				e.body[:len(e.body)-1] + `,"surprise":null}`:            "surprise",
				strings.Replace(e.body, name, strings.ToUpper(name), 1): strings.ToUpper(name),
			} {
				p := e.call(t, body).fails(t, 400, "invalid_body")
				if p.Field != field || !strings.Contains(p.Detail, field) {
					t.Errorf("%s %s: names the field %q in %q, want %q", e.path, body, p.Field, p.Detail, field)
				}
			}
			e.call(t, nil).fails(t, 400, "invalid_body")
		}
	})
}

// A body that says nothing names what is missing.
func TestEmptyObjectsNameWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.unchanged(t, func() {
		want := map[string][]string{
			"issue-token":                       {"username", "password"},
			"issue-token/refresh":               {"refresh_token"},
			"catalog/" + s.sku:                  {"title"},
			"create-order":                      {"lines"},
			"create-payment/" + s.order:         {"provider"},
			"manage-order/" + s.order + "/ship": {"carrier", "tracking"},
			"catalog/" + s.sku + "/restock":     {"quantity"},
		}
		for _, e := range s.writes(t) {
			if e.body == "" {
				continue
			}
			a := e.call(t, "{}")
			code := map[string]string{"title": "invalid_title", "quantity": "invalid_quantity", "provider": "unknown_provider"}[want[e.path][0]]
			if code == "" {
				code = "invalid_body"
			}
			named := false
			p := a.fails(t, 400, code)
			for _, field := range want[e.path] {
				named = named || p.Field == field
			}
			if !named {
				t.Errorf("%s names %q, want one of %q", e.path, p.Field, want[e.path])
			}
		}
	})
}

func TestBodiesThatAreTooLarge(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.unchanged(t, func() {
		for _, size := range []int{64 << 10, 10 << 20} {
			body := `{"a":"` + strings.Repeat("x", size) + `"}`
			for _, e := range append(s.writes(t), endpoint{"POST", "payment-callback/alipay", s.nobody(), ""}) {
				e.call(t, body).fails(t, 413, "too_large")
				e.call(t, chunked{strings.NewReader(body)}).fails(t, 413, "too_large")
			}
		}
		// Who may not call is told so, whatever comes with it.
		s.nobody().call(t, "POST", "create-order", strings.Repeat("x", 10<<20)).fails(t, 401, "token_missing")
		s.nobody().call(t, "PATCH", "create-order", strings.Repeat("x", 10<<20)).fails(t, 405, "method_not_allowed")
	})
}

// chunked hides how long a body is.
type chunked struct{ *strings.Reader }

func TestChunkedBodiesAreBodies(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for _, e := range s.writes(t)[5:6] {
		e.call(t, chunked{strings.NewReader(e.body)}).into(t, 202, nil)
	}
}
