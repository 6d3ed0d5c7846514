package fn

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bazaar/shared/fault"
)

const (
	maxDepth     = 64  // of arrays and objects within one another
	maxFieldName = 100 // bytes of a field's name that an answer repeats
)

// Decode reads body into v strictly: an unknown field, a field twice, anything
// after the value, a wrong type, a number that does not fit, invalid UTF-8, NUL
// in a string (PostgreSQL cannot store it) and deep nesting are refused. Errors:
// fault invalid `invalid_body` with the field, or the fault that a field's own
// UnmarshalJSON gave.
func Decode(body []byte, v any) error {
	trimmed := bytes.TrimLeft(body, " \t\r\n")
	switch {
	case len(trimmed) == 0:
		return invalidBody("", "The body is empty; it must be JSON.")
	case bytes.HasPrefix(trimmed, []byte("null")):
		return invalidBody("", "The body must not be null.")
	}
	if err := inspect(body); err != nil {
		return err
	}
	if err := json.Unmarshal(body, v, json.RejectUnknownMembers(true)); err != nil {
		return explain(err)
	}
	return nil
}

func invalidBody(field, sentence string) *fault.Error {
	return fault.New(fault.Invalid, "invalid_body", "%s", sentence).At(field)
}

// inspect refuses deep nesting and NUL. It reads the body token by token only
// when its bytes make one of them possible, which is next to never.
func inspect(body []byte) error {
	deep := bytes.Count(body, []byte("[")) + bytes.Count(body, []byte("{"))
	if deep <= maxDepth && !bytes.Contains(body, []byte(`\u0000`)) {
		return nil
	}
	d := jsontext.NewDecoder(bytes.NewReader(body))
	for {
		token, err := d.ReadToken()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return explain(err)
		case d.StackDepth() > maxDepth:
			return invalidBody("", "The body is nested too deeply.")
		case token.Kind() == '"' && strings.ContainsRune(token.String(), 0):
			field := fieldOf(d.StackPointer())
			return invalidBody(field, sentence(field, "must not contain the character NUL."))
		}
	}
}

// explain turns a decoder's error into one sentence that names the field and
// nothing of ours: no Go type, no offset.
func explain(err error) error {
	if own := (*fault.Error)(nil); errors.As(err, &own) {
		if semantic := (*json.SemanticError)(nil); errors.As(err, &semantic) && own.Field == "" {
			own = own.At(fieldOf(semantic.JSONPointer))
		}
		return own
	}
	if syntactic := (*jsontext.SyntacticError)(nil); errors.As(err, &syntactic) {
		return explainSyntax(syntactic)
	}
	if semantic := (*json.SemanticError)(nil); errors.As(err, &semantic) {
		field := fieldOf(semantic.JSONPointer)
		if errors.Is(err, json.ErrUnknownName) {
			return invalidBody(field, sentence(field, "is not a field of this request.")).Because(err)
		}
		return invalidBody(field, sentence(field, expected(semantic.GoType))).Because(err)
	}
	return invalidBody("", "The body is not valid JSON.").Because(err)
}

func explainSyntax(err *jsontext.SyntacticError) error {
	field := fieldOf(err.JSONPointer)
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return invalidBody(field, sentence(field, "appears twice.")).Because(err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return invalidBody("", "The body ends before its JSON does.").Because(err)
	case strings.Contains(err.Error(), "after top-level value"):
		return invalidBody("", "The body goes on after its JSON value.").Because(err)
	case strings.Contains(err.Error(), "invalid UTF-8"):
		return invalidBody(field, "The body is not valid UTF-8.").Because(err)
	}
	return invalidBody(field, "The body is not valid JSON.").Because(err)
}

// expected says what a field of the Go type t takes.
func expected(t reflect.Type) string {
	if t == nil {
		return "has the wrong form."
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[time.Time]() {
		return "must be a time as in RFC 3339."
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "must be a whole number of at most " + strconv.Itoa(t.Bits()) + " bits."
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "must be a whole number from 0, of at most " + strconv.Itoa(t.Bits()) + " bits."
	case reflect.Float32, reflect.Float64:
		return "must be a number."
	case reflect.String:
		return "must be a string."
	case reflect.Bool:
		return "must be true or false."
	case reflect.Struct, reflect.Map:
		return "must be an object."
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return "must be a string in base64."
		}
		return "must be an array."
	}
	return "has the wrong form."
}

func sentence(field, predicate string) string {
	if field == "" {
		return "The body " + predicate
	}
	return "The field " + field + " " + predicate
}

// fieldOf writes a JSON pointer as people do: /lines/0/quantity is
// lines[0].quantity. What is no plain name is quoted, what is long is cut.
func fieldOf(pointer jsontext.Pointer) string {
	var field strings.Builder
	for token := range pointer.Tokens() {
		if field.Len() >= maxFieldName {
			field.WriteString("…")
			break
		}
		switch {
		case digits(token):
			field.WriteString("[" + token + "]")
		case plain(token):
			if field.Len() > 0 {
				field.WriteByte('.')
			}
			field.WriteString(token)
		default:
			if len(token) > maxFieldName {
				token = strings.ToValidUTF8(token[:maxFieldName], "") + "…"
			}
			field.WriteString("[" + strconv.QuoteToASCII(token) + "]")
		}
	}
	return field.String()
}

func digits(token string) bool {
	return token != "" && len(token) < 10 && strings.Trim(token, "0123456789") == ""
}

// plain reports whether token may stand in an answer as it is.
func plain(token string) bool { return isID(token) }

// isID reports whether text matches ^[A-Za-z0-9_-]{1,64}$, the form of every id.
func isID(text string) bool {
	if text == "" || len(text) > 64 {
		return false
	}
	for _, c := range []byte(text) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}
