// issue-token signs people in and out: access tokens for passwords, fresh ones
// for refresh tokens, and the public keys that prove them.
package main

import (
	"context"
	"fmt"
	"time"

	"bazaar/shared/auth"
	"bazaar/shared/fn"
	"bazaar/shared/identity"
	"bazaar/shared/pg"
	"bazaar/shared/stores"
)

type settings struct {
	PG         pg.Settings
	Tokens     auth.TokenSettings
	Sessions   identity.Settings
	SigningKey []byte        `secret:"token-signing-key"` // PKCS #8 PEM; its public half is in token-keys
	TokenTTL   time.Duration `env:"token_ttl" envDefault:"10m"`
	// HashParallel is how many password hashes are computed at once, each with
	// 19 MiB; HashQueue how many more sign-ins may wait for one.
	HashParallel int `env:"hash_parallel" envDefault:"2"`
	HashQueue    int `env:"hash_queue" envDefault:"32"`
}

func main() { fn.Main("issue-token", assemble) }

func assemble(_ context.Context, run *fn.Runtime, s *settings) (fn.Routes, error) {
	verifier, issuer, err := keys(s)
	if err != nil {
		return nil, err
	}
	hashing, err := newGate(s.HashParallel, s.HashQueue)
	if err != nil {
		return nil, err
	}
	pool, err := stores.Postgres(run, s.PG)
	if err != nil {
		return nil, err
	}
	revoked := identity.NewWatch(pool)
	run.Go("revocations", revoked.Run)
	run.Report("revocations", revoked.Check)

	h := &Handler{
		// Clocks may differ between database and issuer, and between issuer and verifier.
		Sessions: identity.NewStore(pool, s.Sessions, issuer.TTL()+2*auth.Leeway),
		Tokens:   issuer, Hashing: hashing, Check: auth.Check, Decoy: auth.Decoy(), Keys: verifier.JWKS(), Log: run.Log,
	}
	user := fn.UserDoor{Tokens: verifier, Revoked: revoked}
	return fn.Routes{
		fn.Public("POST /{$}", fn.Step(h.SignIn)),
		fn.Public("POST /refresh", fn.Step(h.Refresh)),
		fn.User(user, "DELETE /{$}", fn.Step(h.SignOut)),
		fn.Public("GET /jwks", fn.Step(h.PublicKeys)),
	}, nil
}

// keys are the signing key and the published ones. A signing key that nobody
// trusts would give tokens that every door refuses: better not to start.
func keys(s *settings) (*auth.Verifier, *auth.Issuer, error) {
	verifier, err := auth.NewVerifier(s.Tokens)
	if err != nil {
		return nil, nil, err
	}
	issuer, err := auth.NewIssuer(s.SigningKey, s.Tokens.Issuer, s.Tokens.Audience, s.TokenTTL)
	if err != nil {
		return nil, nil, fmt.Errorf("the secret token-signing-key: %w", err)
	}
	if !verifier.Knows(issuer.KeyID()) {
		return nil, nil, fmt.Errorf("the public half of the secret token-signing-key (kid %s) is not in the secret token-keys", issuer.KeyID())
	}
	return verifier, issuer, nil
}
