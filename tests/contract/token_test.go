package contract_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// tokens is what signing in gives.
type tokens struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	RefreshToken string `json:"refresh_token"`
}

type credentials struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// signIn signs a demo user in. Somebody else may fill the queue for a moment.
func (h *house) signIn(t testing.TB, name string) (got tokens) {
	t.Helper()
	var a answer
	eventually(t, patience, name+" to be signed in", func() bool {
		a = h.nobody().call(t, "POST", "issue-token", credentials{name, name + "-demo-2026"})
		return a.status != 429
	})
	a.into(t, 200, &got)
	if got.TokenType != "Bearer" || got.ExpiresIn != 600 || got.AccessToken == "" || got.RefreshToken == "" {
		t.Errorf("%s: %+v", name, got)
	}
	if a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: tokens may be cached: %v", name, a.header)
	}
	return got
}

// jwk is a key of the set.
type jwk struct {
	Kty string `json:"kty"`
	Crv string `json:"crv"`
	X   string `json:"x"`
	Use string `json:"use"`
	Alg string `json:"alg"`
	Kid string `json:"kid"`
}

func (h *house) jwks(t testing.TB) (set struct {
	Keys []jwk `json:"keys"`
}) {
	t.Helper()
	h.nobody().call(t, "GET", "issue-token/jwks", nil).into(t, 200, &set)
	if len(set.Keys) == 0 {
		t.Fatal("the set of keys is empty")
	}
	return set
}

func (h *house) keyID(t testing.TB) string { t.Helper(); return h.jwks(t).Keys[0].Kid }

// access are the claims of an access token.
type access struct {
	Iss         string   `json:"iss"`
	Aud         any      `json:"aud"`
	Sub         string   `json:"sub"`
	Sid         string   `json:"sid"`
	Jti         string   `json:"jti"`
	Roles       []string `json:"roles"`
	Permissions []string `json:"permissions"`
	Iat         int64    `json:"iat"`
	Exp         int64    `json:"exp"`
}

// proven decodes a token after checking it against the published keys alone.
func (h *house) proven(t testing.TB, token string) (a access) {
	t.Helper()
	var head struct{ Alg, Typ, Kid string }
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("a token of %d parts", len(parts))
	}
	raw := make([][]byte, 3)
	for i, part := range parts {
		var err error
		if raw[i], err = base64.RawURLEncoding.DecodeString(part); err != nil {
			t.Fatal(err)
		}
	}
	if err := json.Unmarshal(raw[0], &head); err != nil || head.Alg != "EdDSA" || head.Typ != "at+jwt" {
		t.Fatalf("the header is %s (%v)", raw[0], err)
	}
	for _, k := range h.jwks(t).Keys {
		public, err := base64.RawURLEncoding.DecodeString(k.X)
		if k.Kid != head.Kid || err != nil || k.Kty != "OKP" || k.Crv != "Ed25519" {
			continue
		}
		if !ed25519.Verify(public, []byte(parts[0]+"."+parts[1]), raw[2]) {
			t.Fatal("the published key does not prove the token")
		}
		if err := json.Unmarshal(raw[1], &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	t.Fatalf("no published key is %s", head.Kid)
	return a
}

func TestDemoUsersSignIn(t *testing.T) {
	t.Parallel()
	h := open(t)
	roles := map[string]string{"admin": "admin", "warehouse": "warehouse", "alice": "", "bob": "", "buyer0001": "", "buyer1000": ""}
	for name, role := range roles {
		a := h.proven(t, h.signIn(t, name).AccessToken)
		if a.Sub != name || strings.Join(a.Roles, ",") != role || a.Permissions == nil || a.Roles == nil {
			t.Errorf("%s: %+v", name, a)
		}
		lag := time.Since(time.Unix(a.Iat, 0))
		if a.Iss != "bazaar" || a.Sid == "" || a.Jti == "" || a.Exp-a.Iat != 600 || lag < -5*time.Second || lag > time.Minute {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	h := open(t)
	var first problem
	for i, c := range []credentials{
		{"alice", "wrong"}, {"nobody-at-all", "wrong"}, {"Alice", "alice-demo-2026"}, {"alice ", "alice-demo-2026"},
		{"alice", "alice-demo-2026 "}, {"alice", "bob-demo-2026"}, {"' or 1=1--", "x"}, {"alice\n", "alice-demo-2026"}, {"*", "*"},
	} {
		var a answer
		eventually(t, patience, "a turn", func() bool { a = h.nobody().call(t, "POST", "issue-token", c); return a.status != 429 })
		p := a.fails(t, 401, "invalid_credentials")
		p.TraceID = ""
		if i == 0 {
			first = p
		}
		if p != first {
			t.Errorf("%q is told %+v, others %+v", c.Username, p, first)
		}
	}
}

// everywhere is a route of each function that knows users.
func everywhere() map[string]string {
	return map[string]string{
		"manage-order": "GET", "create-order": "POST", "catalog/x/restock": "POST", "create-payment/x": "GET", "issue-token": "DELETE",
		"push-message": "POST", "sync-messages/conversations": "GET", "manage-group": "GET",
	}
}

// endsEverywhere waits until no function takes a token any more. The contract
// says 5 s; a test gives three times that.
func (p person) endsEverywhere(t testing.TB) {
	t.Helper()
	for path, method := range everywhere() {
		var a answer
		eventually(t, 15*time.Second, path+" to refuse the token", func() bool {
			a = p.call(t, method, path, nil, fresh())
			return a.status == 401
		})
		a.fails(t, 401, "session_revoked")
	}
}

func TestSigningOutEndsTheTokensOfTheSession(t *testing.T) {
	t.Parallel()
	h := open(t)
	here, there := h.signIn(t, "buyer0011"), h.signIn(t, "buyer0011")
	p := person{h, here.AccessToken}
	p.call(t, "GET", "manage-order", nil).into(t, 200, nil)
	if a := p.call(t, "DELETE", "issue-token", nil); a.status != 204 || len(a.body) != 0 {
		t.Errorf("answered %d %s", a.status, a.body)
	}
	h.refresh(t, here.RefreshToken).fails(t, 401, "invalid_refresh_token")
	p.endsEverywhere(t)
	person{h, there.AccessToken}.call(t, "GET", "manage-order", nil).into(t, 200, nil)
	h.refresh(t, there.RefreshToken).into(t, 200, nil)
}
