package main

import (
	"io"
	"math"
	"strings"
	"testing"
)

// FuzzParse: a command line is refused, or names its keys and a clock that goes
// forward.
func FuzzParse(f *testing.F) {
	for _, line := range []string{"--key a --merchant b", "--key a --merchant b --clock 600 --listen :1", "--key a --merchant b --clock NaN", "--key a --merchant b --clock -1",
		"--key a --merchant b --clock Inf", "--key a --merchant b --clock 0", "--key a", "--help", "", "--key a --merchant b more", "--clock=0x1p-2 --key=a --merchant=b", "-- a"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		o, err := parse(strings.Fields(line), io.Discard)
		if err == nil && (o.key == "" || o.merchant == "" || !(o.clock > 0) || math.IsInf(o.clock, 0)) {
			t.Errorf("%q is %+v", line, o)
		}
	})
}
