package main

import (
	"errors"
	"strings"
	"testing"

	"bazaar/shared/fault"
	"bazaar/shared/identity"
)

// FuzzSignIn: tokens are for the one password; nothing that cannot be looked up
// or is too much to hash gets as far as that.
func FuzzSignIn(f *testing.F) {
	for _, body := range []string{`{"username":"alice","password":"secret"}`, `{"username":"alice","password":"wrong"}`, `{"username":"bob","password":"secret"}`, "", "null", "{}",
		`{"username":"a\u0000","password":"x"}`, `{"username":"alice","password":"` + strings.Repeat("x", 1025) + `"}`, `{"username":1}`, `{"username":"alice","password":"secret","role":"admin"}`,
		`{"username":"alice","username":"bob","password":"secret"}`, `{"username":"ALICE","password":"decoy"}`} {
		f.Add(body)
	}
	var fx *fixture
	f.Fuzz(func(t *testing.T, body string) {
		if fx == nil {
			fx = newFixture(t) // one for all: keys are costly
		}
		fx.sessions.signedIn, fx.checked = nil, nil
		res, err := post(t, fx.SignIn, body)
		switch {
		case err == nil:
			if len(fx.sessions.signedIn) != 1 || fx.sessions.signedIn[0] != "alice" || !strings.Contains(body, "secret") && !strings.Contains(body, `\u`) || len(res.Body) == 0 {
				t.Errorf("%q signs in %q", body, fx.sessions.signedIn)
			}
		case len(fx.sessions.signedIn) != 0:
			t.Errorf("%q is refused and signs in %q", body, fx.sessions.signedIn)
		case fault.KindOf(err) == fault.Invalid && len(fx.checked) == 0, fault.Is(err, "invalid_credentials") && len(fx.checked) == 1:
		default:
			t.Errorf("%q is refused with %v after %d hashes", body, err, len(fx.checked))
		}
	})
}

// FuzzRefresh: only a token that is known gives others.
func FuzzRefresh(f *testing.F) {
	for _, body := range []string{`{"refresh_token":"r1"}`, `{"refresh_token":"r2"}`, `{"refresh_token":""}`, `{"refresh_token":"\u0000"}`, `{"refresh_token":null}`, "", "[]", `{"refresh_token":"` + strings.Repeat("x", 257) + `"}`} {
		f.Add(body)
	}
	var fx *fixture
	f.Fuzz(func(t *testing.T, body string) {
		if fx == nil {
			fx = newFixture(t)
		}
		res, err := post(t, fx.Refresh, body)
		switch {
		case err == nil && !strings.Contains(string(res.Body), `"refresh_token":"r2"`):
			t.Errorf("%q is answered %s", body, res.Body)
		case err != nil && fault.KindOf(err) != fault.Invalid && !errors.Is(err, identity.ErrReused):
			t.Errorf("%q is refused with %v", body, err)
		}
	})
}
