package fn

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"bazaar/shared/fault"
)

type cart struct {
	Lines []cartLine        `json:"lines"`
	Note  string            `json:"note"`
	At    time.Time         `json:"at"`
	Gift  bool              `json:"gift"`
	Tags  map[string]string `json:"tags"`
	Any   any               `json:"any"`
	Small uint8             `json:"small"`
	Code  grammar           `json:"code"`
	Bytes []byte            `json:"bytes"`
	Rate  float64           `json:"rate"`
}

type cartLine struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
}

// grammar is a type that reads itself.
type grammar string

func (g *grammar) UnmarshalJSON(text []byte) error {
	if string(text) != `"ok"` {
		return fault.New(fault.Invalid, "invalid_code", "A code is ok.")
	}
	*g = "ok"
	return nil
}

func TestDecodeTakesWhatIsRight(t *testing.T) {
	t.Parallel()
	var c cart
	body := " \n{\"lines\":[{\"sku\":\"s1\",\"quantity\":9223372036854775807}],\"note\":\"\\\\u0000 é\",\"at\":\"2026-01-02T03:04:05Z\",\"code\":\"ok\"}\n "
	if err := Decode([]byte(body), &c); err != nil {
		t.Fatal(err)
	}
	if c.Lines[0].Quantity != 1<<63-1 || c.Note != `\u0000 é` || c.At.Year() != 2026 || c.Code != "ok" {
		t.Errorf("got %+v", c)
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, field, sentence string }{
		"an empty body":        {"", "", "The body is empty; it must be JSON."},
		"blanks":               {" \r\n\t", "", "The body is empty; it must be JSON."},
		"null":                 {"null", "", "The body must not be null."},
		"no JSON":              {"name=Ada", "", "The body is not valid JSON."},
		"a comment":            {`{"note":"x"/**/}`, "", "The body is not valid JSON."},
		"a trailing comma":     {`{"note":"x",}`, "", "The body is not valid JSON."},
		"a cut body":           {`{"note":"x"`, "", "The body ends before its JSON does."},
		"trailing data":        {`{"note":"x"} {}`, "", "The body goes on after its JSON value."},
		"an array":             {`[]`, "", "The body must be an object."},
		"an unknown field":     {`{"colour":1}`, "colour", "The field colour is not a field of this request."},
		"a field in capitals":  {`{"Note":"x"}`, "Note", "The field Note is not a field of this request."},
		"an unknown one below": {`{"lines":[{"sku":"a"},{"price":1}]}`, "lines[1].price", "The field lines[1].price is not a field of this request."},
		"a field twice":        {`{"note":"x","note":"y"}`, "note", "The field note appears twice."},
		"escaped twice":        {`{"note":"x","\u006eote":"y"}`, "note", "The field note appears twice."},
		"a twice below":        {`{"lines":[{"sku":"a","sku":"b"}]}`, "lines[0].sku", "The field lines[0].sku appears twice."},
		"twice in a map":       {`{"tags":{"a":"1","a":"2"}}`, "tags.a", "The field tags.a appears twice."},
		"a string for number":  {`{"lines":[{"quantity":"1"}]}`, "lines[0].quantity", "The field lines[0].quantity must be a whole number of at most 64 bits."},
		"a fraction":           {`{"lines":[{"quantity":1.5}]}`, "lines[0].quantity", "The field lines[0].quantity must be a whole number of at most 64 bits."},
		"an exponent":          {`{"lines":[{"quantity":1e2}]}`, "lines[0].quantity", "The field lines[0].quantity must be a whole number of at most 64 bits."},
		"past int64":           {`{"lines":[{"quantity":9223372036854775808}]}`, "lines[0].quantity", "The field lines[0].quantity must be a whole number of at most 64 bits."},
		"past uint8":           {`{"small":256}`, "small", "The field small must be a whole number from 0, of at most 8 bits."},
		"a number for string":  {`{"note":1}`, "note", "The field note must be a string."},
		"a string for bool":    {`{"gift":"true"}`, "gift", "The field gift must be true or false."},
		"an object for array":  {`{"lines":{}}`, "lines", "The field lines must be an array."},
		"an array for object":  {`{"lines":[[]]}`, "lines[0]", "The field lines[0] must be an object."},
		"a string for float":   {`{"rate":"1"}`, "rate", "The field rate must be a number."},
		"no base64":            {`{"bytes":"*"}`, "bytes", "The field bytes must be a string in base64."},
		"no time":              {`{"at":"yesterday"}`, "at", "The field at must be a time as in RFC 3339."},
		"invalid UTF-8":        {"{\"note\":\"\xff\"}", "note", "The body is not valid UTF-8."},
		"NUL in a string":      {`{"lines":[{"sku":"a\u0000"}]}`, "lines[0].sku", "The field lines[0].sku must not contain the character NUL."},
		"NUL in a name":        {`{"tags":{"\u0000":"x"}}`, `tags["\x00"]`, `The field tags["\x00"] must not contain the character NUL.`},
		"deep arrays":          {`{"any":` + strings.Repeat("[", 10_000), "", "The body is nested too deeply."},
		"deep objects":         {strings.Repeat(`{"any":`, 100), "", "The body is nested too deeply."},
		"a strange name":       {`{"<b>\n":1}`, `["<b>\n"]`, `The field ["<b>\n"] is not a field of this request.`},
		"its type's own word":  {`{"code":"no"}`, "code", "A code is ok."},
	} {
		var into cart
		f := fault.Of(Decode([]byte(c.body), &into))
		if f == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		code := "invalid_body"
		if name == "its type's own word" {
			code = "invalid_code"
		}
		if f.Kind != fault.Invalid || f.Code != code || f.Field != c.field || f.Detail != c.sentence {
			t.Errorf("%s: %s %s field %q: %s", name, f.Kind, f.Code, f.Field, f.Detail)
		}
	}
}

func TestDecodeRepeatsNoLongNames(t *testing.T) {
	t.Parallel()
	var into cart
	f := fault.Of(Decode([]byte(`{"`+strings.Repeat("é", 5000)+`":1}`), &into))
	if len(f.Field) > 5*maxFieldName || len(f.Detail) > 6*maxFieldName {
		t.Errorf("field of %d bytes, detail of %d", len(f.Field), len(f.Detail))
	}
}

// FuzzDecode: no panic, whatever comes; what is accepted is valid JSON and means
// what encoding/json reads in it, and what is refused is a caller's mistake told
// in plain UTF-8 without Go in it.
func FuzzDecode(f *testing.F) {
	for _, body := range []string{
		`{"lines":[{"sku":"a","quantity":1}],"any":{"x":[1,2,{"y":null}]}}`, `{"any":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + "}",
		`{"note":"\u0000"}`, `{"note":"\ud800"}`, "{\"note\":\"\xff\"}", `{"a~1/b":1}`, `[[[[`, `{"rate":1e999}`, `{"at":"2026-13-01T00:00:00Z"}`, "\xef\xbb\xbf{}",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var into cart
		err := Decode(body, &into)
		if err == nil {
			var same cart
			standard := json.NewDecoder(bytes.NewReader(body))
			standard.DisallowUnknownFields()
			if err := standard.Decode(&same); err != nil || !json.Valid(body) || !utf8.Valid(body) {
				t.Errorf("accepted %q: %v", body, err)
			}
			if !reflect.DeepEqual(into, same) {
				t.Errorf("%q is %+v, to encoding/json %+v", body, into, same)
			}
			return
		}
		got := fault.Of(err)
		if got.Kind != fault.Invalid || got.Detail == "" || !utf8.ValidString(got.Detail+got.Field) ||
			strings.Contains(got.Detail, "fn.") || strings.Contains(got.Detail, "Go ") {
			t.Errorf("%q is refused with %s %q", body, got.Kind, got.Detail)
		}
	})
}
