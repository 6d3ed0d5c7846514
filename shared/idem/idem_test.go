package idem_test

import (
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"bazaar/shared/idem"
)

// The id is kept for ever: it names orders. It must not change with the code.
func TestIDIsForEver(t *testing.T) {
	id := idem.Key{Scope: idem.ScopeOrder, Owner: "alice", Key: "8e03978e-40d5-43dd-bc93-6894a57f9324"}.ID()
	if id != "908fe2c5-ae37-518f-9c75-f3b394d5e0b7" {
		t.Errorf("got %s", id)
	}
	if parsed, err := uuid.Parse(id); err != nil || parsed.Version() != 5 {
		t.Errorf("%s is no UUIDv5: %v", id, err)
	}
}

func TestTwoKeysAreTwoIDs(t *testing.T) {
	part := rapid.StringOfN(rapid.RuneFrom([]rune("ab\x00\x01:")), 0, 4, -1)
	rapid.Check(t, func(t *rapid.T) {
		a := idem.Key{Scope: part.Draw(t, "scope a"), Owner: part.Draw(t, "owner a"), Key: part.Draw(t, "key a")}
		b := idem.Key{Scope: part.Draw(t, "scope b"), Owner: part.Draw(t, "owner b"), Key: part.Draw(t, "key b")}
		if (a == b) != (a.ID() == b.ID()) {
			t.Fatalf("%q and %q: %s and %s", a, b, a.ID(), b.ID())
		}
	})
}

func TestFingerprint(t *testing.T) {
	one, err := idem.Fingerprint(map[string]any{"a": 1, "b": 2})
	if err != nil {
		t.Fatal(err)
	}
	same, _ := idem.Fingerprint(map[string]any{"b": 2, "a": 1})
	other, _ := idem.Fingerprint(map[string]any{"b": 1, "a": 2})
	if one != same || one == other || len(one) != 64 {
		t.Errorf("%s, %s, %s", one, same, other)
	}
	if _, err := idem.Fingerprint(make(chan int)); err == nil {
		t.Error("what has no JSON has a fingerprint")
	}
}
