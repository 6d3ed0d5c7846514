package message

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/fault"
	"bazaar/shared/pg"
)

// Open makes a group's conversation with its first members, the owner among them.
// conflict group_full for too many. The id must be new: see NewGroupID.
func (s Store) Open(ctx context.Context, tx pgx.Tx, id, owner string, members []string) (Room, error) {
	_, err := tx.Exec(ctx, `insert into message.conversation (conversation_id, kind, version, created_at, active_at)
		values ($1, 'group', 1, clock_timestamp(), clock_timestamp())`, id)
	if err != nil {
		return Room{}, pg.Fault(err, "opening a conversation")
	}
	r := Room{Conversation: id, Kind: Group, Version: 1}
	if _, err := s.Add(ctx, tx, &r, Owner, []string{owner}); err != nil {
		return Room{}, err
	}
	if _, err := s.Add(ctx, tx, &r, Plain, members); err != nil {
		return Room{}, err
	}
	return r, nil
}

// Add puts users who are not in the conversation into it, in a role, and gives
// them in the order of their ids. They see what comes from now on. conflict
// group_full, after which the transaction must not be committed.
func (s Store) Add(ctx context.Context, tx pgx.Tx, r *Room, role string, users []string) ([]string, error) {
	rows, err := tx.Query(ctx, `
		insert into message.member (conversation_id, user_id, role, version, from_seq, read_seq, joined_at, changed_at)
		select $1, u, $2, $3, $4, $4, clock_timestamp(), clock_timestamp() from unnest($5::text[]) u order by u
		on conflict (conversation_id, user_id) do update set role = excluded.role, version = excluded.version, from_seq = excluded.from_seq,
			left_seq = null, read_seq = excluded.read_seq, muted_until = null, joined_at = excluded.joined_at, changed_at = excluded.changed_at
		where message.member.left_seq is not null returning user_id`, r.Conversation, role, r.Version+1, r.LastSeq, sorted(users))
	added, err := collect(rows, err, pgx.RowTo[string], "adding members")
	if err != nil {
		return nil, err
	}
	if r.Members+len(added) > MaxMembers {
		return nil, fault.New(fault.Conflict, "group_full", "A group has %d members at most.", MaxMembers).At("members")
	}
	return sorted(added), s.change(ctx, tx, r, len(added), len(added) > 0)
}

// Remove takes users out of the conversation and gives those who were in it. They
// see nothing any more, neither what comes nor what was.
func (s Store) Remove(ctx context.Context, tx pgx.Tx, r *Room, users []string) ([]string, error) {
	rows, err := tx.Query(ctx, `
		update message.member set left_seq = $2, version = $3, changed_at = clock_timestamp()
		where conversation_id = $1 and user_id = any($4) and left_seq is null returning user_id`, r.Conversation, r.LastSeq, r.Version+1, users)
	gone, err := collect(rows, err, pgx.RowTo[string], "removing members")
	if err != nil {
		return nil, err
	}
	return sorted(gone), s.change(ctx, tx, r, -len(gone), len(gone) > 0)
}

// Dissolve takes everybody out and ends the conversation: nothing can be sent
// there any more. It gives those who were in it.
func (s Store) Dissolve(ctx context.Context, tx pgx.Tx, r *Room) ([]string, error) {
	rows, err := tx.Query(ctx, `
		update message.member set left_seq = $2, version = $3, changed_at = clock_timestamp()
		where conversation_id = $1 and left_seq is null returning user_id`, r.Conversation, r.LastSeq, r.Version+1)
	gone, err := collect(rows, err, pgx.RowTo[string], "removing all members")
	if err != nil {
		return nil, err
	}
	_, err = tx.Exec(ctx, `update message.conversation set dissolved_at = clock_timestamp() where conversation_id = $1`, r.Conversation)
	if err != nil {
		return nil, pg.Fault(err, "dissolving a conversation")
	}
	r.Dissolved = true
	return sorted(gone), s.change(ctx, tx, r, -len(gone), true)
}

// SetRole gives a member a role; not_found for who is not in the conversation.
// There is one owner: take the role from the old one before giving it to the new.
func (s Store) SetRole(ctx context.Context, tx pgx.Tx, r *Room, user, role string) error {
	tag, err := tx.Exec(ctx, `update message.member set role = $3, version = $4, changed_at = clock_timestamp()
		where conversation_id = $1 and user_id = $2 and left_seq is null`, r.Conversation, user, role, r.Version+1)
	return s.changed(ctx, tx, r, tag.RowsAffected(), err, "changing a role")
}

// Mute keeps a member from speaking until a time, in the past or zero: not any
// more. not_found for who is not in the conversation.
func (s Store) Mute(ctx context.Context, tx pgx.Tx, r *Room, user string, until time.Time) error {
	var limit *time.Time
	if !until.IsZero() {
		limit = &until
	}
	tag, err := tx.Exec(ctx, `update message.member set muted_until = $3, version = $4, changed_at = clock_timestamp()
		where conversation_id = $1 and user_id = $2 and left_seq is null`, r.Conversation, user, limit, r.Version+1)
	return s.changed(ctx, tx, r, tag.RowsAffected(), err, "muting a member")
}

// changed counts the change of one member.
func (s Store) changed(ctx context.Context, tx pgx.Tx, r *Room, rows int64, err error, doing string) error {
	if err != nil {
		return pg.Fault(err, doing)
	}
	if rows == 0 {
		return NotFound()
	}
	return s.change(ctx, tx, r, 0, true)
}

// change counts a change of the members, by which they are so many more.
func (Store) change(ctx context.Context, tx pgx.Tx, r *Room, more int, moved bool) error {
	if !moved {
		return nil
	}
	err := tx.QueryRow(ctx, `update message.conversation set version = version + 1, member_count = member_count + $2
		where conversation_id = $1 returning version, member_count`, r.Conversation, more).Scan(&r.Version, &r.Members)
	return pg.Fault(err, "counting a change of members")
}

// Roster gives the members of a conversation by user id, those after a user, and
// the user after whom to go on: "" at the end. not_found for a user who is not in
// the conversation.
func (s Store) Roster(ctx context.Context, q pg.Querier, user, conversation, after string, limit int) ([]Member, string, error) {
	if _, err := s.place(ctx, q, user, conversation); err != nil {
		return nil, "", err
	}
	rows, err := q.Query(ctx, `select `+memberColumns+` from message.member m
		where m.conversation_id = $1 and m.user_id > $2 and m.left_seq is null order by m.user_id limit $3`, conversation, after, limit+1)
	list, err := collect(rows, err, scanMember, "reading a page of members")
	if err != nil || len(list) <= limit {
		return list, "", err
	}
	return list[:limit], list[limit-1].User, nil
}

// Users gives the ids of all who are in conversations, by conversation: at most
// 10,000 of each, so ask for few at a time. One that is not there has none.
func (Store) Users(ctx context.Context, q pg.Querier, conversations []string) (map[string][]string, error) {
	rows, err := q.Query(ctx, `select conversation_id, user_id from message.member where conversation_id = any($1) and left_seq is null`, conversations)
	if err != nil {
		return nil, pg.Fault(err, "reading the users of conversations")
	}
	users := map[string][]string{}
	var conversation, user string
	_, err = pgx.ForEachRow(rows, []any{&conversation, &user}, func() error {
		users[conversation] = append(users[conversation], user)
		return nil
	})
	return users, pg.Fault(err, "reading the users of conversations")
}
