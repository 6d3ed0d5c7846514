package identity

import (
	"bytes"
	"strings"
	"testing"
)

func TestRefreshTokenReadsBack(t *testing.T) {
	t.Parallel()
	s := newSecret()
	if got, ok := parseSecret(s.String()); !ok || got != s {
		t.Errorf("%s reads as %s, %t", s, got, ok)
	}
	if newSecret() == s {
		t.Error("two tokens are equal")
	}
}

func TestRefreshTokenHasOneForm(t *testing.T) {
	t.Parallel()
	good := newSecret().String()
	last := good[:len(good)-1]
	for name, text := range map[string]string{
		"empty": "", "short": last, "long": good + "A", "padded": good + "=", "huge": strings.Repeat("A", 1<<20),
		"a line break": last + "\n", "standard base64": strings.Repeat("+", 43), "stray bits": strings.Repeat("A", 42) + "B",
	} {
		if _, ok := parseSecret(text); ok {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestSuccessorNeedsTokenAndSeed(t *testing.T) {
	t.Parallel()
	a, b, seed, other := newSecret(), newSecret(), newSecret(), newSecret()
	next := a.successor(seed[:])
	if next != a.successor(seed[:]) {
		t.Error("the same token and seed give two successors")
	}
	if next == b.successor(seed[:]) || next == a.successor(other[:]) || next == a {
		t.Error("the successor does not depend on both")
	}
	if bytes.Contains(next[:], a[:8]) || bytes.Equal(next.hash(), a.hash()) {
		t.Error("the successor shows the token")
	}
}

func FuzzParseSecret(f *testing.F) {
	f.Add("")
	f.Add(newSecret().String())
	f.Add(strings.Repeat("A", 42) + "B")
	f.Fuzz(func(t *testing.T, token string) {
		if s, ok := parseSecret(token); ok && s.String() != token {
			t.Errorf("%q is another form of %s", token, s)
		}
	})
}
