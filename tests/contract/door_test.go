package contract_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"maps"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// claims are a token's header or payload.
type claims map[string]any

// without is c with other values; nil takes a name away.
func (c claims) but(other claims) claims {
	changed := maps.Clone(c)
	for name, value := range other {
		changed[name] = value
		if value == nil {
			delete(changed, name)
		}
	}
	return changed
}

// mint signs tokens as it is told.
type mint struct {
	private       ed25519.PrivateKey
	head, payload claims // of a good token
}

func (h *house) mint(t testing.TB) mint {
	t.Helper()
	block, _ := pem.Decode([]byte(h.Secret(t, "token-signing-key")))
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	return mint{
		private: private.(ed25519.PrivateKey),
		head:    claims{"alg": "EdDSA", "typ": "at+jwt", "kid": h.keyID(t)},
		payload: claims{
			"iss": "bazaar", "aud": []string{"bazaar-api"}, "sub": "alice", "sid": uuid.NewString(), "jti": uuid.NewString(),
			"roles": []string{}, "permissions": []string{}, "iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
		},
	}
}

// token is head and payload with changes, signed by sign; nil is the real key.
func (m mint) token(head, payload claims, sign func([]byte) []byte) string {
	if sign == nil {
		sign = func(text []byte) []byte { return ed25519.Sign(m.private, text) }
	}
	text := encoded(m.head.but(head)) + "." + encoded(m.payload.but(payload))
	return text + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(text)))
}

func encoded(c claims) string {
	raw, err := json.Marshal(c)
	if err != nil {
		return err.Error()
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// forgeries are tokens that open no door, by what is wrong with them.
func (m mint) forgeries(t testing.TB) map[string]string {
	t.Helper()
	public := m.private.Public().(ed25519.PublicKey)
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	nothing := func([]byte) []byte { return nil }
	mac := func(key []byte) func([]byte) []byte {
		return func(text []byte) []byte { h := hmac.New(sha256.New, key); h.Write(text); return h.Sum(nil) }
	}
	good := m.token(nil, nil, nil)
	parts := strings.Split(good, ".")
	return map[string]string{
		"alg none": m.token(claims{"alg": "none"}, nil, nothing), "alg nOnE": m.token(claims{"alg": "nOnE"}, nil, nothing),
		"alg none, signed": m.token(claims{"alg": "none"}, nil, nil), "no signature": parts[0] + "." + parts[1] + ".",
		"HS256 by the public key": m.token(claims{"alg": "HS256"}, nil, mac(public)),
		"HS256 by its PEM":        m.token(claims{"alg": "HS256"}, nil, mac(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}))),
		"a stranger's key":        m.token(nil, nil, func(text []byte) []byte { return ed25519.Sign(stranger, text) }),
		"another's claims":        parts[0] + "." + encoded(m.payload.but(claims{"sub": "bob"})) + "." + parts[2],
		"more roles":              parts[0] + "." + encoded(m.payload.but(claims{"roles": []string{"admin"}})) + "." + parts[2],
		"iss":                     m.token(nil, claims{"iss": "evil"}, nil), "no iss": m.token(nil, claims{"iss": nil}, nil),
		"aud": m.token(nil, claims{"aud": "other"}, nil), "no aud": m.token(nil, claims{"aud": nil}, nil),
		"typ JWT": m.token(claims{"typ": "JWT"}, nil, nil), "no typ": m.token(claims{"typ": nil}, nil, nil),
		"kid with a path": m.token(claims{"kid": "../../dev/null"}, nil, nil), "kid a number": m.token(claims{"kid": 1}, nil, nil),
		"no kid": m.token(claims{"kid": nil}, nil, nil), "jku": m.token(claims{"jku": "http://127.0.0.1:1/"}, nil, nil),
		"jwk": m.token(claims{"jwk": claims{"kty": "OKP"}}, nil, nil), "crit": m.token(claims{"crit": []string{"x"}}, nil, nil),
		"no exp": m.token(nil, claims{"exp": nil}, nil), "nbf to come": m.token(nil, claims{"nbf": time.Now().Add(time.Minute).Unix()}, nil),
		"no sub": m.token(nil, claims{"sub": nil}, nil), "no sid": m.token(nil, claims{"sid": nil}, nil),
		"roles a text": m.token(nil, claims{"roles": "admin"}, nil), "padded": good + "=", "four parts": good + ".x", "dots": "..",
		"long": strings.Repeat("a", 5000), "no token": "x",
	}
}

func TestForgedTokensOpenNoDoor(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	m := s.mint(t)
	doors := append(s.reads(), s.writes(t)[2:]...)
	s.unchanged(t, func() {
		for what, token := range m.forgeries(t) {
			for _, e := range doors {
				e.who = person{s.house, token}
				p := e.call(t, e.body).fails(t, 401, "invalid_token")
				if t.Failed() {
					t.Fatalf("%s: %s %s: %+v", what, e.method, e.path, p)
				}
			}
		}
	})
	// Clocks may be 30 s apart, no more.
	for _, e := range doors {
		e.who = person{s.house, m.token(nil, claims{"exp": time.Now().Add(-32 * time.Second).Unix()}, nil)}
		e.call(t, e.body).fails(t, 401, "token_expired")
	}
	late := person{s.house, m.token(nil, claims{"exp": time.Now().Add(-20 * time.Second).Unix()}, nil)}
	late.call(t, "GET", "manage-order", nil).into(t, 200, nil)
}

func TestDoorsWantOneBearerToken(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	token := s.buyer.token
	for _, e := range append(s.reads(), s.writes(t)[2:]...) {
		for _, value := range []string{"", "Basic YWRtaW46YWRtaW4=", "Bearer", "Bearer ", token, "Token " + token} {
			s.nobody().call(t, e.method, e.path, e.body, header{"Authorization", value}).fails(t, 401, "token_missing")
		}
		s.nobody().call(t, e.method, e.path, e.body).fails(t, 401, "token_missing")
		s.nobody().call(t, e.method, e.path+"?access_token="+token, e.body).fails(t, 401, "token_missing")
	}
	s.nobody().call(t, "GET", "manage-order", nil, header{"Authorization", "bearer " + token}).into(t, 200, nil)
	twice := "GET /function/manage-order HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" +
		strings.Repeat("Authorization: Bearer "+token+"\r\n", 2) + "\r\n"
	if got := raw(t, s.Gateway, twice); !strings.HasPrefix(got, "HTTP/1.1 401 ") {
		t.Errorf("two headers: %s", got)
	}
}

// raw sends bytes as they are and gives the beginning of what comes back.
func raw(t testing.TB, address, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
	if err != nil {
		t.Error(err)
		return ""
	}
	defer func() { _ = conn.Close() }()
	first := make([]byte, 4096)
	_, err = io.WriteString(conn, request)
	if err == nil {
		err = conn.SetReadDeadline(time.Now().Add(patience))
	}
	n, errRead := conn.Read(first)
	if err = errors.Join(err, errRead); err != nil {
		t.Errorf("nothing came back: %v", err)
	}
	return string(first[:n])
}

func TestRoles(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	admin, keeper := s.admin(t), s.storekeeper(t)
	put, restock, ship := s.writes(t)[3], s.writes(t)[4], s.writes(t)[7]
	s.unchanged(t, func() {
		for _, who := range []person{s.buyer, keeper} {
			for _, e := range []endpoint{put, restock} {
				e.who = who
				e.call(t, e.body).fails(t, 403, "denied")
				e.call(t, strings.Repeat("x", 10<<20)).fails(t, 403, "denied") // the body is not read for them
			}
		}
		ship.who = s.buyer
		ship.call(t, ship.body).fails(t, 403, "denied")
		for _, who := range []person{admin, keeper} {
			ship.who = who
			ship.call(t, ship.body).fails(t, 409, "invalid_transition") // may, but it is not paid
		}
	})
}
