package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"bazaar/shared/auth"
	"bazaar/shared/fault"
	"bazaar/shared/fn"
	"bazaar/shared/identity"
)

// fakeSessions knows alice, whose hash is "hash:" and her password.
type fakeSessions struct {
	err      error
	signedIn []string
	ended    []string
}

func (f *fakeSessions) Account(_ context.Context, name string) (identity.Account, bool, error) {
	if name != "alice" || f.err != nil {
		return identity.Account{}, false, f.err
	}
	return identity.Account{UserID: "alice", Username: name, PasswordHash: "hash:secret", Roles: []string{}}, true, nil
}

func (f *fakeSessions) SignIn(_ context.Context, user string) (identity.Grant, error) {
	f.signedIn = append(f.signedIn, user)
	return identity.Grant{SessionID: "s1", UserID: user, Roles: []string{"warehouse"}, RefreshToken: "r1", At: time.Now()}, nil
}

func (f *fakeSessions) Refresh(_ context.Context, token string) (identity.Grant, error) {
	if token != "r1" {
		return identity.Grant{}, fault.New(fault.Unauthenticated, "invalid_refresh_token", "No.").Because(identity.ErrReused)
	}
	return identity.Grant{SessionID: "s1", UserID: "alice", Roles: nil, RefreshToken: "r2", At: time.Now()}, nil
}

func (f *fakeSessions) SignOut(_ context.Context, id string) error {
	f.ended = append(f.ended, id)
	return f.err
}

type fixture struct {
	*Handler
	sessions *fakeSessions
	checked  []string // hashes
	log      bytes.Buffer
	verifier *auth.Verifier
}

func newKey(t *testing.T) (public ed25519.PublicKey, privatePEM []byte) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return public, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	public, private := newKey(t)
	s := &settings{Tokens: auth.TokenSettings{Issuer: "bazaar", Audience: "bazaar-api", Keys: auth.PublicJWKS(public)},
		SigningKey: private, TokenTTL: 10 * time.Minute}
	verifier, issuer, err := keys(s)
	if err != nil {
		t.Fatal(err)
	}
	g, err := newGate(2, 2)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{sessions: &fakeSessions{}, verifier: verifier}
	f.Handler = &Handler{Sessions: f.sessions, Tokens: issuer, Hashing: g, Decoy: "decoy", Keys: verifier.JWKS(),
		Check: func(hash, password string) bool {
			f.checked = append(f.checked, hash)
			return hash == "hash:"+password || hash == "decoy"
		}}
	f.Log = slog.New(slog.NewJSONHandler(&f.log, nil))
	return f
}

// post sends a body through the strict decoding of the door.
func post[In any](t *testing.T, step func(context.Context, fn.Call, In) (fn.Reply, error), body string) (handler.Response, error) {
	t.Helper()
	return fn.Step(step).Handle(handler.Request{Body: []byte(body), Method: "POST"})
}

func TestSignInAnswersTokens(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	res, err := post(t, f.SignIn, `{"username":"alice","password":"secret"}`)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(res.Body, &got); err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 200 || res.Header.Get("Cache-Control") != "no-store" || len(got) != 4 ||
		got["token_type"] != "Bearer" || got["expires_in"] != 600.0 || got["refresh_token"] != "r1" {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, res.Body)
	}
	access, _ := got["access_token"].(string)
	claims, err := f.verifier.Verify(access)
	if err != nil {
		t.Fatal(err)
	}
	if claims.Subject != "alice" || claims.SessionID != "s1" || !claims.Has("warehouse") || !claims.May(auth.ShipOrder) || claims.May(auth.RefundPayment) {
		t.Errorf("claims %+v", claims)
	}
}

func TestWrongNameAndWrongPasswordLookTheSame(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, wrongPassword := post(t, f.SignIn, `{"username":"alice","password":"guess"}`)
	_, wrongName := post(t, f.SignIn, `{"username":"mallory","password":"guess"}`)
	a, b := fault.Of(wrongPassword), fault.Of(wrongName)
	if a.Code != "invalid_credentials" || a.Status() != 401 || *a != *b {
		t.Errorf("%+v, %+v", a, b)
	}
	if len(f.checked) != 2 || f.checked[1] != "decoy" {
		t.Errorf("checked %v: an unknown name must cost the same work", f.checked)
	}
	if len(f.sessions.signedIn) != 0 {
		t.Errorf("signed in: %v", f.sessions.signedIn)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nothing":                ``,
		"a list":                 `[]`,
		"no password":            `{"username":"alice"}`,
		"empty name":             `{"username":"","password":"secret"}`,
		"a number":               `{"username":"alice","password":1}`,
		"an unknown field":       `{"username":"alice","password":"secret","role":"admin"}`,
		"a name twice":           `{"username":"alice","username":"bob","password":"secret"}`,
		"two bodies":             `{"username":"alice","password":"secret"}{}`,
		"a NUL in the name":      `{"username":"alice\u0000","password":"secret"}`,
		"a long name":            `{"username":"` + strings.Repeat("a", maxUsername+1) + `","password":"secret"}`,
		"a password to choke on": `{"username":"alice","password":"` + strings.Repeat("a", maxPassword+1) + `"}`,
	} {
		f := newFixture(t)
		if _, err := post(t, f.SignIn, body); fault.KindOf(err) != fault.Invalid || len(f.checked) != 0 {
			t.Errorf("%s: %v, checked %v", name, err, f.checked)
		}
	}
	f := newFixture(t)
	for name, body := range map[string]string{
		"nothing": ``, "empty": `{"refresh_token":""}`, "null": `{"refresh_token":null}`,
		"long": `{"refresh_token":"` + strings.Repeat("a", maxRefresh+1) + `"}`,
	} {
		if _, err := post(t, f.Refresh, body); fault.KindOf(err) != fault.Invalid {
			t.Errorf("refresh with %s: %v", name, err)
		}
	}
}

func TestRefreshAnswersTokens(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	res, err := post(t, f.Refresh, `{"refresh_token":"r1"}`)
	if err != nil || !strings.Contains(string(res.Body), `"refresh_token":"r2"`) || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v %s", err, res.Body)
	}
}

func TestReuseIsLoggedWithoutTheToken(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if _, err := post(t, f.Refresh, `{"refresh_token":"stolen-token"}`); !fault.Is(err, "invalid_refresh_token") {
		t.Errorf("reuse: %v", err)
	}
	if line := f.log.String(); !strings.Contains(line, "WARN") || strings.Contains(line, "stolen-token") {
		t.Errorf("log %q", line)
	}
}

func TestSignOutEndsTheCallersSession(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	call := fn.Call{Caller: auth.Claims{Subject: "alice", SessionID: "s7"}}
	res, err := f.SignOut(t.Context(), call, fn.None{})
	if err != nil || res.Status != 204 || res.Body != nil || len(f.sessions.ended) != 1 || f.sessions.ended[0] != "s7" {
		t.Errorf("%+v %v, ended %v", res, err, f.sessions.ended)
	}
	f.sessions.err = errors.New("away")
	if _, err := f.SignOut(t.Context(), call, fn.None{}); err == nil {
		t.Error("a sign-out that was not written is told as done")
	}
}

func TestStoreAwayIsNoWrongPassword(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.sessions.err = fault.New(fault.Unavailable, "unavailable", "Later.")
	if _, err := post(t, f.SignIn, `{"username":"alice","password":"secret"}`); !fault.Is(err, "unavailable") {
		t.Errorf("%v", err)
	}
}

func TestPublicKeysArePublic(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	res, err := post(t, f.PublicKeys, ``)
	if err != nil || !strings.HasPrefix(res.Header.Get("Cache-Control"), "public") {
		t.Fatalf("%v %v", res.Header, err)
	}
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(res.Body, &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("%s %v", res.Body, err)
	}
	key := set.Keys[0]
	if _, private := key["d"]; private || key["kty"] != "OKP" || key["crv"] != "Ed25519" || key["alg"] != "EdDSA" || key["use"] != "sig" || key["kid"] == "" {
		t.Errorf("key %v", key)
	}
}

func TestSigningKeyMustBePublished(t *testing.T) {
	t.Parallel()
	public, _ := newKey(t)
	_, other := newKey(t)
	_, _, err := keys(&settings{TokenTTL: time.Minute, SigningKey: other,
		Tokens: auth.TokenSettings{Issuer: "i", Audience: "a", Keys: auth.PublicJWKS(public)}})
	if err == nil || !strings.Contains(err.Error(), "token-signing-key") || !strings.Contains(err.Error(), "token-keys") {
		t.Errorf("%v", err)
	}
}
