package secret

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bazaar/shared/auth"
)

// FuzzNames: a secret is put into its folder, and taken out again, under its own
// name or not at all.
func FuzzNames(f *testing.F) {
	for _, name := range []string{"token-keys", "a", "", ".", "..", "../x", "a/b", "A", "a.b", "-a", "a-", "a\x00", "a\nb", strings.Repeat("a", 253), strings.Repeat("a", 254), "é"} {
		f.Add(name, []byte("value"))
	}
	outer := f.TempDir()
	folder := &Folder{dir: filepath.Join(outer, "secrets"), own: filepath.Join(outer, "mounts")}
	if err := errors.Join(os.Mkdir(folder.dir, 0o700), os.Mkdir(folder.own, 0o700)); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name string, value []byte) {
		err := folder.Put(name, value)
		names, failed := folder.Names()
		if failed != nil {
			t.Fatal(failed)
		}
		if around, err := os.ReadDir(outer); err != nil || len(around) != 2 {
			t.Fatalf("%q: %d things beside the secrets, %v", name, len(around), err)
		}
		if err != nil {
			if !errors.Is(err, ErrName) || len(names) != 0 || !errors.Is(folder.Remove(name), fs.ErrNotExist) {
				t.Errorf("%q: %v, %q", name, err, names)
			}
			return
		}
		if got, err := folder.Read(name); err != nil || got != string(value) || len(names) != 1 || names[0] != name {
			t.Errorf("%q is %q among %q, %v", name, got, names, err)
		}
		if err := folder.Remove(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	})
}

// FuzzDerived: the public half of whatever private key there is can be read by
// those who need it, or there is none.
func FuzzDerived(f *testing.F) {
	for _, make := range []func() ([]byte, error){newEd25519, newRSA} {
		key, err := make()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(key)
	}
	for _, text := range []string{"", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", "-----BEGIN X-----\nAAAA\n-----END X-----\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, private []byte) {
		set, err := publicJWKS(private)
		if err == nil {
			if _, err := auth.NewVerifier(auth.TokenSettings{Issuer: "i", Audience: "a", Keys: set}); err != nil {
				t.Errorf("%q gives %s: %v", private, set, err)
			}
		}
		text, failed := publicPEM(private)
		if failed != nil {
			if err == nil {
				t.Errorf("%q is a key of tokens only: %v", private, failed)
			}
			return
		}
		block, rest := pem.Decode(text)
		if block == nil || len(rest) != 0 {
			t.Fatalf("%q gives %q", private, text)
		}
		key, failed := x509.ParsePKIXPublicKey(block.Bytes)
		if _, signs := key.(ed25519.PublicKey); failed != nil || signs != (err == nil) {
			t.Errorf("%q gives a %T, %v, %v", private, key, failed, err)
		}
	})
}
