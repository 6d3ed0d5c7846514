package group

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/pg"
)

// Store is the SQL of the schema groups. A group is changed under the lock of its
// conversation, which is taken first.
type Store struct{}

const columns = `group_id, title, open, created_by, created_at`

func scan(row pgx.Row, g *Group) error {
	err := row.Scan(&g.ID, &g.Title, &g.Open, &g.CreatedBy, &g.CreatedAt)
	g.CreatedAt = g.CreatedAt.UTC()
	return err
}

// Create writes a group, whose title was checked, and gives it with its time.
func (Store) Create(ctx context.Context, q pg.Querier, g Group) (Group, error) {
	err := scan(q.QueryRow(ctx, `insert into groups.group (group_id, title, open, created_by, created_at, updated_at)
		values ($1, $2, $3, $4, clock_timestamp(), clock_timestamp()) returning `+columns, g.ID, g.Title, g.Open, g.CreatedBy), &g)
	return g, pg.Fault(err, "writing a group")
}

// ByIDs gives the groups with these ids, by id, also those that were dissolved.
func (Store) ByIDs(ctx context.Context, q pg.Querier, ids []string) (map[string]Group, error) {
	rows, err := q.Query(ctx, `select `+columns+` from groups.group where group_id = any($1)`, ids)
	if err != nil {
		return nil, pg.Fault(err, "reading groups")
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (g Group, err error) {
		err = scan(row, &g)
		return g, err
	})
	found := make(map[string]Group, len(list))
	for _, g := range list {
		found[g.ID] = g
	}
	return found, pg.Fault(err, "reading groups")
}

// Change gives a group another title, which was checked, or opens or closes it;
// nil leaves it as it is. not_found where there is none.
func (Store) Change(ctx context.Context, q pg.Querier, id string, title *string, open *bool) (Group, error) {
	var g Group
	err := scan(q.QueryRow(ctx, `update groups.group set title = coalesce($2, title), open = coalesce($3, open), updated_at = clock_timestamp()
		where group_id = $1 returning `+columns, id, title, open), &g)
	if errors.Is(err, pgx.ErrNoRows) {
		return Group{}, NotFound()
	}
	return g, pg.Fault(err, "changing a group")
}
