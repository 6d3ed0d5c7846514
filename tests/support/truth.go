package support

import (
	"context"
	"fmt"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/jackc/pgx/v5"

	"bazaar/infra/chat"
	"bazaar/infra/invariant"
	"bazaar/shared/pg"
)

// Stays makes a database remember every stay of a user in a conversation: the
// tables keep the last one only. Truth then has those of before. Call it before
// anybody leaves a conversation that it may come back to; once more is no error.
func Stays(t testing.TB, q pg.Querier) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	_, err := q.Exec(ctx, `create schema if not exists test;
		create table if not exists test.stay (conversation_id text not null, user_id text not null, from_seq bigint not null, left_seq bigint not null);
		create or replace function test.keep_stay() returns trigger language plpgsql as $$ begin
			insert into test.stay values (new.conversation_id, new.user_id, new.from_seq, new.left_seq);
			return null;
		end $$;
		create or replace trigger keep_stay after update on message.member for each row
			when (new.left_seq is not null and old.left_seq is null) execute function test.keep_stay()`)
	if err != nil {
		t.Fatalf("having every stay remembered: %v", err)
	}
}

// Truth reads what is stored of messages, in one snapshot, for chat.Judge.
func Truth(t testing.TB, db invariant.Database) (truth chat.Truth) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	err := invariant.Snapshot(ctx, db, func(tx pgx.Tx) (err error) {
		truth, err = readTruth(ctx, tx)
		return err
	})
	if err != nil {
		t.Fatalf("reading what is stored of messages: %v", err)
	}
	return truth
}

func readTruth(ctx context.Context, q pg.Querier) (chat.Truth, error) {
	truth := chat.Truth{Last: map[string]int64{}}
	var conversation string
	var last int64
	if err := each(ctx, q, `select conversation_id, last_seq from message.conversation`, []any{&conversation, &last}, func() {
		truth.Last[conversation] = last
	}); err != nil {
		return truth, err
	}
	var m chat.Stored
	var body string
	if err := each(ctx, q, `select conversation_id, seq, sender_id, client_msg_id, body, recalled_at is not null from message.message`,
		[]any{&m.Conversation, &m.Seq, &m.From, &m.ClientMsgID, &body, &m.Recalled}, func() {
			m.Hash = chat.Hash(jsontext.Value(body))
			truth.Messages = append(truth.Messages, m)
		}); err != nil {
		return truth, err
	}
	stays := `select conversation_id, user_id, from_seq, coalesce(left_seq, 0), left_seq is not null, read_seq from message.member`
	var kept bool
	if err := q.QueryRow(ctx, `select to_regclass('test.stay') is not null`).Scan(&kept); err != nil {
		return truth, fmt.Errorf("asking for earlier stays: %w", err)
	}
	if kept {
		stays += ` union select conversation_id, user_id, from_seq, left_seq, true, 0 from test.stay`
	}
	var s chat.Seat
	err := each(ctx, q, stays, []any{&s.Conversation, &s.User, &s.From, &s.Left, &s.Gone, &s.Read}, func() { truth.Seats = append(truth.Seats, s) })
	return truth, err
}

// each runs f for every row of a query, when into has been filled.
func each(ctx context.Context, q pg.Querier, query string, into []any, f func()) error {
	rows, err := q.Query(ctx, query)
	if err != nil {
		return fmt.Errorf("asking %.60s: %w", query, err)
	}
	if _, err := pgx.ForEachRow(rows, into, func() error { f(); return nil }); err != nil {
		return fmt.Errorf("reading %.60s: %w", query, err)
	}
	return nil
}
