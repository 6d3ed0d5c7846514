package auth_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"bazaar/shared/auth"
	"bazaar/shared/fault"
)

func newSigner(t testing.TB, p pair) (*auth.EventSigner, *auth.EventVerifier) {
	t.Helper()
	s, err := auth.NewEventSigner(p.privatePEM)
	if err != nil {
		t.Fatal(err)
	}
	v, err := auth.NewEventVerifier(p.publicPEM)
	if err != nil {
		t.Fatal(err)
	}
	return s, v
}

func TestEventSignatures(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	s, v := newSigner(t, p)
	stranger, _ := newSigner(t, newPair(t))
	now, body := time.Unix(1_800_000_000, 0), []byte(`[{"id":"1"}]`)
	sign := func(at time.Time) string { return s.Sign("reserve-stock", at, body) }
	good := sign(now)
	stamp, signature, _ := strings.Cut(good, ",")

	for name, c := range map[string]struct {
		header, function string
		body             []byte
		ok               bool
	}{
		"as signed":                {good, "reserve-stock", body, true},
		"five minutes old":         {sign(now.Add(-5 * time.Minute)), "reserve-stock", body, true},
		"five minutes ahead":       {sign(now.Add(5 * time.Minute)), "reserve-stock", body, true},
		"older":                    {sign(now.Add(-5*time.Minute - time.Second)), "reserve-stock", body, false},
		"further ahead":            {sign(now.Add(5*time.Minute + time.Second)), "reserve-stock", body, false},
		"of another function":      {good, "settle-order", body, false},
		"of no function":           {good, "", body, false},
		"another body":             {good, "reserve-stock", []byte(`[{"id":"2"}]`), false},
		"no body":                  {good, "reserve-stock", nil, false},
		"border moved to body":     {s.Sign("reserve", now, []byte("-stock")), "reserve-stock", nil, false},
		"a stranger's":             {stranger.Sign("reserve-stock", now, body), "reserve-stock", body, false},
		"another time":             {"t=1800000001," + signature, "reserve-stock", body, false},
		"a time written otherwise": {"t=+1800000000," + signature, "reserve-stock", body, false},
		"a time out of range":      {"t=9223372036854775807," + signature, "reserve-stock", body, false},
		"a time below range":       {"t=-9223372036854775808," + signature, "reserve-stock", body, false},
		"no time":                  {"t=," + signature, "reserve-stock", body, false},
		"no signature":             {stamp + ",v1=", "reserve-stock", body, false},
		"only a time":              {stamp, "reserve-stock", body, false},
		"another version":          {strings.Replace(good, "v1=", "v0=", 1), "reserve-stock", body, false},
		"cut":                      {good[:len(good)-4], "reserve-stock", body, false},
		"longer":                   {good + "AAAA", "reserve-stock", body, false},
		"nothing":                  {"", "reserve-stock", body, false},
		"huge":                     {strings.Repeat("t=1,", 1<<18), "reserve-stock", body, false},
	} {
		err := v.Verify(c.function, c.header, c.body, now)
		if c.ok && err != nil || !c.ok && !fault.Is(err, "invalid_signature") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range len(body) {
		tampered := slices.Clone(body)
		tampered[i] ^= 1
		if err := v.Verify("reserve-stock", good, tampered, now); !fault.Is(err, "invalid_signature") {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
}

func TestTwoEventKeysLiveAtOnce(t *testing.T) {
	t.Parallel()
	a, b := newPair(t), newPair(t)
	v, err := auth.NewEventVerifier(slices.Concat(a.publicPEM, b.publicPEM))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []pair{a, b} {
		s, _ := newSigner(t, p)
		if err := v.Verify("f", s.Sign("f", time.Now(), nil), nil, time.Now()); err != nil {
			t.Error(err)
		}
	}
}

func FuzzEventSignature(f *testing.F) {
	p := newPair(f)
	s, v := newSigner(f, p)
	now, body := time.Unix(1_800_000_000, 0), []byte(`[]`)
	good := s.Sign("f", now, body)
	for _, seed := range []string{"", "t=,v1=", good, "t=1800000000", strings.Replace(good, "t=", "t=0", 1)} {
		f.Add(seed, "f", body)
	}
	f.Fuzz(func(t *testing.T, header, function string, content []byte) {
		if v.Verify(function, header, content, now) == nil && (header != good || function != "f" || string(content) != string(body)) {
			t.Errorf("accepted %q %q %q", header, function, content)
		}
	})
}
