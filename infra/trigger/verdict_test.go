package trigger

import (
	"errors"
	"slices"
	"testing"
	"time"

	"bazaar/shared/fault"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	one, three := []string{"a"}, []string{"a", "b", "c"}
	fail := func(kind fault.Kind) Answer { return Answer{Status: kind.Status(), Fault: kind} }
	for name, c := range map[string]struct {
		answer Answer
		ids    []string
		verb   string
		fates  []Fate
	}{
		"success":             {Answer{Status: 200}, three, "done", []Fate{Done, Done, Done}},
		"accepted":            {Answer{Status: 202}, one, "done", []Fate{Done}},
		"parts":               {Answer{Status: 200, Failed: []Failure{{ID: "b", Kind: fault.Invalid}, {ID: "c", Kind: fault.Internal}}}, three, "partial", []Fate{Done, Dead, Alone}},
		"one, internal":       {Answer{Status: 200, Failed: []Failure{{ID: "a", Kind: fault.Internal}}}, one, "again", []Fate{Again}},
		"one, no kind":        {Answer{Status: 200, Failed: []Failure{{ID: "a"}}}, one, "again", []Fate{Again}},
		"part unavailable":    {Answer{Status: 200, Failed: []Failure{{ID: "b", Kind: fault.Unavailable}}}, three, "partial", []Fate{Done, Held, Done}},
		"twins":               {Answer{Status: 200, Failed: []Failure{{ID: "a", Kind: fault.Denied}}}, []string{"a", "a", "b"}, "partial", []Fate{Dead, Dead, Done}},
		"a stranger":          {Answer{Status: 200, Failed: []Failure{{ID: "x", Kind: fault.Invalid}}}, one, "again", []Fate{Again}},
		"a stranger, batch":   {Answer{Status: 200, Failed: []Failure{{ID: "x", Kind: fault.Invalid}}}, three, "halved", nil},
		"garbled":             {Answer{Status: 200, Garbled: errors.New("x")}, one, "again", []Fate{Again}},
		"garbled, batch":      {Answer{Status: 200, Garbled: errors.New("x")}, three, "halved", nil},
		"invalid":             {fail(fault.Invalid), one, "dead", []Fate{Dead}},
		"denied":              {fail(fault.Denied), one, "dead", []Fate{Dead}},
		"mismatch":            {fail(fault.Mismatch), one, "dead", []Fate{Dead}},
		"too large":           {fail(fault.TooLarge), one, "dead", []Fate{Dead}},
		"invalid batch":       {fail(fault.Invalid), three, "halved", nil},
		"too large a batch":   {fail(fault.TooLarge), three, "halved", nil},
		"internal":            {fail(fault.Internal), one, "again", []Fate{Again}},
		"timeout":             {fail(fault.Timeout), one, "again", []Fate{Again}},
		"internal batch":      {fail(fault.Internal), three, "halved", nil},
		"timeout batch":       {fail(fault.Timeout), three, "halved", nil},
		"unknown kind":        {Answer{Status: 500, Fault: "odd"}, one, "again", []Fate{Again}},
		"limited":             {fail(fault.Limited), three, "held", []Fate{Held, Held, Held}},
		"unavailable":         {fail(fault.Unavailable), one, "held", []Fate{Held}},
		"unauthenticated":     {fail(fault.Unauthenticated), one, "held", []Fate{Held}},
		"bare 500":            {Answer{Status: 500}, three, "held", []Fate{Held, Held, Held}},
		"bare 400":            {Answer{Status: 400}, one, "held", []Fate{Held}},
		"a redirect":          {Answer{Status: 301}, one, "held", []Fate{Held}},
		"no answer":           {Answer{Err: errors.New("refused")}, three, "held", []Fate{Held, Held, Held}},
		"success, but failed": {Answer{Status: 200, Fault: fault.Internal}, one, "done", []Fate{Done}},
	} {
		v := Judge(c.answer, c.ids)
		if v.Name != c.verb || !slices.Equal(v.Fates, c.fates) || v.Halve != (c.fates == nil) {
			t.Errorf("%s: %+v", name, v)
		}
		if v.Pause != slices.Contains(c.fates, Held) {
			t.Errorf("%s: pause is %t", name, v.Pause)
		}
	}
	held := fail(fault.Limited)
	held.RetryAfter = 7 * time.Second
	if v := Judge(held, one); v.After != 7*time.Second {
		t.Errorf("Retry-After is not obeyed: %+v", v)
	}
}
