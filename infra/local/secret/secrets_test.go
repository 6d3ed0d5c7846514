package secret_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bazaar/infra/local/secret"
	"bazaar/shared/auth"
)

func open(t *testing.T, dir string) *secret.Folder {
	t.Helper()
	f, err := secret.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func read(t *testing.T, f *secret.Folder, name string) string {
	t.Helper()
	value, err := f.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestSecretsAreMadeOnceAndFit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := open(t, dir)
	before := map[string]string{}
	names, err := f.Names()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		before[name] = read(t, f, name)
		info, err := os.Stat(f.Path(name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v: %v", name, info.Mode(), err)
		}
	}
	again := open(t, dir)
	for name, value := range before {
		if read(t, again, name) != value {
			t.Errorf("%s changed", name)
		}
	}

	issuer, err := auth.NewIssuer([]byte(before["token-signing-key"]), "bazaar", "bazaar-api", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	token, err := issuer.Issue(auth.Claims{Subject: "alice", SessionID: "s"})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := auth.NewVerifier(auth.TokenSettings{Issuer: "bazaar", Audience: "bazaar-api", Keys: []byte(before["token-keys"])})
	if err != nil {
		t.Fatal(err)
	}
	if claims, err := verifier.Verify(token); err != nil || claims.Subject != "alice" {
		t.Errorf("a token of token-signing-key is not one for token-keys: %v", err)
	}

	signer, err := auth.NewEventSigner([]byte(before["trigger-signing-key"]))
	if err != nil {
		t.Fatal(err)
	}
	events, err := auth.NewEventVerifier([]byte(before["trigger-key"]))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if err := events.Verify("f", signer.Sign("f", now, nil), nil, now); err != nil {
		t.Errorf("trigger-key does not fit: %v", err)
	}
}

func TestAFunctionSeesItsOwnSecretsOnly(t *testing.T) {
	t.Parallel()
	f := open(t, t.TempDir())
	if _, err := f.Mount("create-order", []string{"redis-password", "token-keys"}); err != nil {
		t.Fatal(err)
	}
	dir, err := f.Mount("create-order", []string{"redis-password"})
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "redis-password" {
		t.Errorf("mounted %v: %v", entries, err)
	}
	value, err := os.ReadFile(filepath.Join(dir, "redis-password"))
	if err != nil || string(value) != read(t, f, "redis-password") {
		t.Errorf("another value is mounted: %v", err)
	}
	if _, err := f.Mount("create-order", []string{"gone"}); err == nil || !strings.Contains(err.Error(), "wants the secret gone") {
		t.Errorf("a missing secret: %v", err)
	}
}

func TestSecretsComeAndGo(t *testing.T) {
	t.Parallel()
	f := open(t, t.TempDir())
	if err := f.Put("partner-key", []byte("one")); err != nil {
		t.Fatal(err)
	}
	if got := read(t, f, "partner-key"); got != "one" {
		t.Errorf("read %q", got)
	}
	for _, name := range []string{"../x", "", "A", ".part", "a/b"} {
		if err := f.Put(name, nil); !errors.Is(err, secret.ErrName) {
			t.Errorf("%q: %v", name, err)
		}
		if err := f.Remove(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("removing %q: %v", name, err)
		}
	}
	if err := f.Remove("partner-key"); err != nil {
		t.Fatal(err)
	}
	if err := f.Remove("partner-key"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed twice: %v", err)
	}
}
