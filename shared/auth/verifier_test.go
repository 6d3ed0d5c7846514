package auth_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bazaar/shared/auth"
	"bazaar/shared/fault"
)

func TestTokenSaysWhatWasIssued(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	v, i := newVerifier(t, p.public), newIssuer(t, p, "bazaar", "bazaar-api")
	in := auth.Claims{Subject: "alice", SessionID: "s1", Roles: []string{"admin"}, Permissions: auth.Permissions([]string{"admin"})}
	token := issue(t, i, in)
	for range 2 { // the second answer comes from memory
		c, err := v.Verify(token)
		if err != nil {
			t.Fatal(err)
		}
		if c.Subject != "alice" || c.SessionID != "s1" || !c.Has("admin") || c.Has("warehouse") ||
			!c.May(auth.RefundPayment) || c.ID == "" || c.Expires.Sub(c.IssuedAt) != 10*time.Minute {
			t.Errorf("claims %+v", c)
		}
	}
}

func TestTokenOnTheWire(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	parts := strings.Split(issue(t, newIssuer(t, p, "bazaar", "bazaar-api"), auth.Claims{Subject: "alice", SessionID: "s1"}), ".")
	header, payload := map[string]any{}, map[string]any{}
	for i, into := range []*map[string]any{&header, &payload} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, into); err != nil {
			t.Fatal(err)
		}
	}
	if len(header) != 3 || header["alg"] != "EdDSA" || header["typ"] != "at+jwt" || header["kid"] != auth.KeyID(p.public) {
		t.Errorf("header %v", header)
	}
	for _, name := range []string{"iss", "aud", "sub", "sid", "roles", "permissions", "iat", "exp", "jti"} {
		if payload[name] == nil {
			t.Errorf("claim %s is missing or null: %v", name, payload)
		}
	}
}

func TestAttacksOnTokens(t *testing.T) {
	t.Parallel()
	p, stranger := newPair(t), newPair(t)
	now := time.Now().Unix()
	sign := func(header, payload map[string]any) string { return forge(t, p, header, payload) }
	good := sign(goodHeader(p), goodPayload())
	parts := strings.Split(good, ".")
	unsigned := func(alg string) string {
		return segment(t, with(goodHeader(p), "alg", alg)) + "." + parts[1] + "."
	}
	hs256 := func(key []byte) string {
		text := segment(t, with(goodHeader(p), "alg", "HS256")) + "." + parts[1]
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(text))
		return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	header := func(name string, value any) string { return sign(with(goodHeader(p), name, value), goodPayload()) }
	claim := func(name string, value any) string { return sign(goodHeader(p), with(goodPayload(), name, value)) }

	for name, c := range map[string]struct{ token, code string }{
		"nothing":                    {"", "token_missing"},
		"alg none":                   {unsigned("none"), "invalid_token"},
		"alg None":                   {unsigned("None"), "invalid_token"},
		"alg nOnE":                   {unsigned("nOnE"), "invalid_token"},
		"alg empty":                  {unsigned(""), "invalid_token"},
		"alg none with a signature":  {header("alg", "none"), "invalid_token"},
		"alg missing":                {header("alg", nil), "invalid_token"},
		"alg a number":               {header("alg", 1), "invalid_token"},
		"HS256 keyed by public key":  {hs256(p.public), "invalid_token"},
		"HS256 keyed by public PEM":  {hs256(p.publicPEM), "invalid_token"},
		"HS256 keyed by nothing":     {hs256(nil), "invalid_token"},
		"a stranger's key":           {forge(t, stranger, goodHeader(p), goodPayload()), "invalid_token"},
		"a stranger's kid":           {forge(t, stranger, goodHeader(stranger), goodPayload()), "invalid_token"},
		"kid a path":                 {header("kid", "../../dev/null"), "invalid_token"},
		"kid empty":                  {header("kid", ""), "invalid_token"},
		"kid missing":                {header("kid", nil), "invalid_token"},
		"kid a list":                 {header("kid", []string{auth.KeyID(p.public)}), "invalid_token"},
		"jku":                        {header("jku", "https://evil.example/jwks"), "invalid_token"},
		"jwk":                        {header("jwk", map[string]string{"kty": "OKP"}), "invalid_token"},
		"x5u":                        {header("x5u", "https://evil.example/cert"), "invalid_token"},
		"crit":                       {header("crit", []string{"exp"}), "invalid_token"},
		"typ JWT":                    {header("typ", "JWT"), "invalid_token"},
		"typ missing":                {header("typ", nil), "invalid_token"},
		"another issuer":             {claim("iss", "other"), "invalid_token"},
		"no issuer":                  {claim("iss", nil), "invalid_token"},
		"another audience":           {claim("aud", "other"), "invalid_token"},
		"no audience":                {claim("aud", nil), "invalid_token"},
		"no exp":                     {claim("exp", nil), "invalid_token"},
		"expired past the leeway":    {claim("exp", now-31), "token_expired"},
		"nbf in the future":          {claim("nbf", now+60), "invalid_token"},
		"issued in the future":       {claim("iat", now+60), "invalid_token"},
		"no iat":                     {claim("iat", nil), "invalid_token"},
		"no sub":                     {claim("sub", nil), "invalid_token"},
		"no sid":                     {claim("sid", nil), "invalid_token"},
		"no jti":                     {claim("jti", nil), "invalid_token"},
		"roles a string":             {claim("roles", "admin"), "invalid_token"},
		"other payload":              {parts[0] + "." + segment(t, with(goodPayload(), "sub", "admin")) + "." + parts[2], "invalid_token"},
		"no signature":               {parts[0] + "." + parts[1] + ".", "invalid_token"},
		"cut signature":              {good[:len(good)-2], "invalid_token"},
		"padded signature":           {good + "==", "invalid_token"},
		"a line break inside":        {good[:len(good)-4] + "\n" + good[len(good)-4:], "invalid_token"},
		"a blank before":             {" " + good, "invalid_token"},
		"two parts":                  {parts[0] + "." + parts[1], "invalid_token"},
		"four parts":                 {good + ".x", "invalid_token"},
		"many dots":                  {strings.Repeat(".", auth.MaxToken), "invalid_token"},
		"a megabyte of dots":         {strings.Repeat(".", 1<<20), "invalid_token"},
		"signed and longer than 4 K": {claim("pad", strings.Repeat("a", auth.MaxToken)), "invalid_token"},
		"a megabyte":                 {strings.Repeat("a", 1<<20), "invalid_token"},
		"not base64":                 {"a.b.c", "invalid_token"},
		"null header":                {"bnVsbA." + parts[1] + "." + parts[2], "invalid_token"},
		"null payload":               {forge(t, p, goodHeader(p), nil), "invalid_token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVerifier(t, p.public)
			for range 2 { // a refusal is not remembered as an acceptance
				_, err := v.Verify(c.token)
				if !fault.Is(err, c.code) || fault.KindOf(err) != fault.Unauthenticated {
					t.Errorf("got %v, want %s", err, c.code)
				}
			}
			if _, err := v.Verify(good); err != nil {
				t.Errorf("the good token is refused: %v", err)
			}
		})
	}
}

func TestLeewayOfThirtySeconds(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	v := newVerifier(t, p.public)
	now := time.Now().Unix()
	for name, c := range map[string]struct {
		claim string
		value int64
		ok    bool
	}{
		"expired 27 s ago":          {"exp", now - 27, true},
		"expired 31 s ago":          {"exp", now - 31, false},
		"issued 27 s in the future": {"iat", now + 27, true},
		"issued 33 s in the future": {"iat", now + 33, false},
	} {
		_, err := v.Verify(forge(t, p, goodHeader(p), with(goodPayload(), c.claim, c.value)))
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTwoKeysLiveAtOnce(t *testing.T) {
	t.Parallel()
	old, next := newPair(t), newPair(t)
	oldToken := issue(t, newIssuer(t, old, "bazaar", "bazaar-api"), auth.Claims{Subject: "a", SessionID: "s"})
	nextToken := issue(t, newIssuer(t, next, "bazaar", "bazaar-api"), auth.Claims{Subject: "a", SessionID: "s"})
	both := newVerifier(t, old.public, next.public)
	for _, token := range []string{oldToken, nextToken} {
		if _, err := both.Verify(token); err != nil {
			t.Errorf("while both keys live: %v", err)
		}
	}
	if _, err := newVerifier(t, next.public).Verify(oldToken); !fault.Is(err, "invalid_token") {
		t.Errorf("after the exchange the old key's token gives %v", err)
	}
}

func TestVerifyFromManyCalls(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	v, i := newVerifier(t, p.public), newIssuer(t, p, "bazaar", "bazaar-api")
	var tokens []string
	for range 20 {
		tokens = append(tokens, issue(t, i, auth.Claims{Subject: "alice", SessionID: "s"}))
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, token := range slices.Concat(tokens, tokens) {
				if c, err := v.Verify(token); err != nil || c.Subject != "alice" {
					t.Errorf("%v %v", c, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestVerifierRefusesOddSettings(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	good := string(auth.PublicJWKS(p.public))
	for name, keys := range map[string]string{
		"no JSON":        "hello",
		"no key":         `{"keys":[]}`,
		"a private key":  strings.Replace(good, `"x"`, `"d":"AAAA","x"`, 1),
		"an RSA key":     `{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`,
		"a short x":      `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAA"}]}`,
		"a foreign kid":  strings.Replace(good, auth.KeyID(p.public), "key-1", 1),
		"for encryption": strings.Replace(good, `"sig"`, `"enc"`, 1),
		"another alg":    strings.Replace(good, `"EdDSA"`, `"HS256"`, 1),
		"another curve":  strings.Replace(good, `"Ed25519"`, `"X25519"`, 1),
	} {
		if _, err := auth.NewVerifier(auth.TokenSettings{Issuer: "i", Audience: "a", Keys: []byte(keys)}); err == nil || !strings.Contains(err.Error(), "token-keys") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := auth.NewVerifier(auth.TokenSettings{Keys: []byte(good)}); err == nil {
		t.Error("an empty issuer is accepted")
	}
}

func FuzzVerify(f *testing.F) {
	p := newPair(f)
	v := newVerifier(f, p.public)
	good := issue(f, newIssuer(f, p, "bazaar", "bazaar-api"), auth.Claims{Subject: "alice", SessionID: "s"})
	parts := strings.Split(good, ".")
	for _, seed := range []string{
		"", "..", "a.b.c", good, good + ".", parts[0] + "." + parts[1] + ".", "eyJhbGciOiJub25lIn0." + parts[1] + ".",
		strings.Repeat(".", 5000), good[:len(good)-1] + "\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		c, err := v.Verify(token)
		if err == nil && (token != good || c.Subject != "alice") {
			t.Errorf("accepted %q as %+v", token, c)
		}
		if err != nil && fault.KindOf(err) != fault.Unauthenticated {
			t.Errorf("%q is %v", token, err)
		}
	})
}

// FuzzClaims: whatever a trusted key has signed, a token that is accepted says
// all that the doors ask for, of ours and for us, and says it again.
func FuzzClaims(f *testing.F) {
	const header, exp = `{"alg":"EdDSA","typ":"at+jwt","kid":"KID"}`, `"exp":4102444800`
	good := `{"iss":"bazaar","aud":"bazaar-api","sub":"alice","sid":"s1","jti":"j1","roles":["admin"],"permissions":[],"iat":1700000000,` + exp + `}`
	for _, c := range [][2]string{
		{header, good}, {header, strings.Replace(good, `"bazaar-api"`, `["x","bazaar-api"]`, 1)}, {header, strings.Replace(good, exp, `"exp":1e10`, 1)},
		{header, strings.Replace(good, exp, `"exp":"4102444800"`, 1)}, {header, strings.Replace(good, exp, `"exp":-1`, 1)}, {header, "null"}, {header, "[]"},
		{strings.Replace(header, "EdDSA", "none", 1), good}, {strings.Replace(header, "KID", "../KID", 1), good}, {strings.Replace(header, "{", `{"crit":["b64"],`, 1), good},
		{header, strings.Replace(good, "alice", "", 1)}, {header, strings.Replace(good, `["admin"]`, `"admin"`, 1)}, {header, strings.Replace(good, `"iat"`, `"nbf":4102444800,"iat"`, 1)},
	} {
		f.Add(c[0], c[1])
	}
	p := newPair(f)
	v := newVerifier(f, p.public)
	f.Fuzz(func(t *testing.T, header, payload string) {
		text := base64.RawURLEncoding.EncodeToString([]byte(strings.ReplaceAll(header, "KID", auth.KeyID(p.public)))) +
			"." + base64.RawURLEncoding.EncodeToString([]byte(payload))
		token := text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(p.private, []byte(text)))
		c, err := v.Verify(token)
		if err != nil {
			if fault.KindOf(err) != fault.Unauthenticated || c.Subject != "" {
				t.Errorf("%q is %+v, %v", payload, c, err)
			}
			return
		}
		if c.Subject == "" || c.SessionID == "" || c.ID == "" || c.IssuedAt.IsZero() || !c.Expires.After(time.Now().Add(-auth.Leeway)) {
			t.Errorf("%q is %+v", payload, c)
		}
		if again, err := v.Verify(token); err != nil || !reflect.DeepEqual(again, c) {
			t.Errorf("%q is %+v, and then %+v, %v", payload, c, again, err)
		}
	})
}
