package store_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"bazaar/tests/support"
)

// A plan without an index bears the fine for reading a whole table. It is not
// taken for one that is worth compiling, which takes longer than all else.
func TestNoPlanIsCompiled(t *testing.T) {
	t.Parallel()
	rows, err := support.Postgres(t).Query(t.Context(), `explain analyze select count(*), min(created_at) from outbox.event`)
	must(t, err)
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	if text := strings.Join(plan, "\n"); !strings.Contains(text, "Seq Scan") || strings.Contains(text, "JIT") {
		t.Errorf("%s", text)
	}
}
