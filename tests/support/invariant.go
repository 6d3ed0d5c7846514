package support

import (
	"context"
	"testing"

	"bazaar/infra/invariant"
	"bazaar/shared/pg"
)

// MustHold checks the rules of the stores that hold at any time, also while
// others write. It may be called when a test's context has ended.
func MustHold(t testing.TB, q pg.Querier) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	broken, err := invariant.Check(ctx, q)
	if err != nil {
		t.Errorf("checking what must hold: %v", err)
	}
	for _, v := range broken {
		t.Error(v)
	}
}
