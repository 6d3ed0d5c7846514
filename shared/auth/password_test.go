package auth_test

import (
	"strings"
	"testing"

	"bazaar/shared/auth"
)

func TestHashMatchesItsPasswordOnly(t *testing.T) {
	t.Parallel()
	h := auth.Hash("correct horse")
	if !strings.HasPrefix(h, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash %s", h)
	}
	if !auth.Check(h, "correct horse") {
		t.Error("its own password does not match")
	}
	for _, wrong := range []string{"", "correct horse ", "Correct horse", "correct hors"} {
		if auth.Check(h, wrong) {
			t.Errorf("%q matches", wrong)
		}
	}
	if auth.Hash("correct horse") == h {
		t.Error("two hashes share a salt")
	}
}

// A vector of the reference implementation's own tests.
func TestCheckReadsForeignHashes(t *testing.T) {
	t.Parallel()
	const h = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if !auth.Check(h, "password") || auth.Check(h, "Password") {
		t.Error("the reference hash is not understood")
	}
}

func TestMalformedHashesMatchNothing(t *testing.T) {
	t.Parallel()
	good := auth.Hash("p")
	parts := strings.Split(good, "$")
	for name, h := range map[string]string{
		"empty":          "",
		"plain text":     "p",
		"argon2i":        strings.Replace(good, "argon2id", "argon2i", 1),
		"older version":  strings.Replace(good, "v=19", "v=16", 1),
		"no passes":      strings.Replace(good, "t=2", "t=0", 1),
		"no thread":      strings.Replace(good, "p=1", "p=0", 1),
		"huge memory":    strings.Replace(good, "m=19456", "m=4294967295", 1),
		"many passes":    strings.Replace(good, "t=2", "t=1000", 1),
		"huge threads":   strings.Replace(good, "p=1", "p=255", 1),
		"overflow":       strings.Replace(good, "p=1", "p=257", 1),
		"negative":       strings.Replace(good, "t=2", "t=-2", 1),
		"no salt":        strings.Replace(good, parts[4], "", 1),
		"no key":         strings.TrimSuffix(good, parts[5]),
		"short key":      strings.Replace(good, parts[5], parts[5][:4], 1),
		"a line break":   good[:len(good)-1] + "\n" + good[len(good)-1:],
		"something more": good + "$x",
		"long":           strings.Repeat("$", 1<<20),
	} {
		if auth.Check(h, "p") {
			t.Errorf("%s matches", name)
		}
	}
}

func TestDecoyCostsAsMuchAndMatchesNothing(t *testing.T) {
	t.Parallel()
	cost := func(h string) string { return strings.Join(strings.Split(h, "$")[:4], "$") }
	if d := auth.Decoy(); cost(d) != cost(auth.Hash("x")) || len(d) != len(auth.Hash("x")) {
		t.Errorf("the decoy %s costs something else", d)
	}
	for _, password := range []string{"", "password", "\x00"} {
		if auth.Check(auth.Decoy(), password) {
			t.Errorf("%q matches the decoy", password)
		}
	}
}

func FuzzCheck(f *testing.F) {
	const cheap = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	for _, seed := range []string{"", "$", "$argon2id$v=19$m=,t=,p=$$", cheap, strings.Replace(cheap, "t=1", "t=0", 1), auth.Decoy()} {
		f.Add(seed, "password")
	}
	f.Fuzz(func(t *testing.T, hash, password string) {
		if auth.Check(hash, password) && !auth.Check(hash, password) {
			t.Error("the answer changes")
		}
	})
}
