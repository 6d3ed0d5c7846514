package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"bazaar/shared/group"
	"bazaar/shared/message"
	"bazaar/shared/pg"
)

// The conversations of the market: one of two, a group in which somebody is of
// every sort, and one that was dissolved.
const talkGroup, talkEnded = "g_talk", "g_ended"

// talkOf has people talk as they do, with nothing left to be told.
func talkOf(t *testing.T, pool *pg.Pool) {
	t.Helper()
	var store message.Store
	poster := message.NewPoster(pool, message.NewAnnouncer(&noted{}, pool, message.AnnouncerSettings{}), 1)
	say := func(sender, to, conversation string, n int) {
		t.Helper()
		for i := range n {
			_, err := poster.Post(t.Context(), message.Draft{Sender: sender, To: to, Conversation: conversation, Kind: "text",
				ClientMsgID: fmt.Sprintf("%s%s-%d-%d", to, conversation, n, i), Body: []byte(`{"text":"hi"}`)})
			must(t, err)
		}
	}
	under := func(conversation string, f func(ctx context.Context, tx pgx.Tx, r *message.Room) error) {
		t.Helper()
		must(t, pool.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
			r, err := store.Lock(ctx, tx, conversation)
			if err != nil {
				return err
			}
			return f(ctx, tx, &r)
		}))
	}
	say("alice", "bob", "", 3)
	say("bob", "alice", "", 2)
	_, err := store.Read(t.Context(), pool, "bob", message.DirectID("alice", "bob"), 2)
	must(t, err)
	for _, id := range []string{talkGroup, talkEnded} {
		must(t, pool.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
			if _, err := store.Open(ctx, tx, id, "owner", []string{"admin", "muted", "left", "again"}); err != nil {
				return err
			}
			_, err := group.Store{}.Create(ctx, tx, group.Group{ID: id, Title: "Tea", CreatedBy: "owner"})
			return err
		}))
		say("again", "", id, 4)
	}
	under(talkGroup, func(ctx context.Context, tx pgx.Tx, r *message.Room) error {
		must(t, store.SetRole(ctx, tx, r, "admin", message.Admin))
		must(t, store.Mute(ctx, tx, r, "muted", time.Now().Add(time.Hour)))
		_, err := store.Remove(ctx, tx, r, []string{"left", "again"})
		must(t, err)
		_, err = store.Recall(ctx, tx, r, 2, "admin", func(string, bool) error { return nil })
		return err
	})
	say("owner", "", talkGroup, 2)
	under(talkGroup, func(ctx context.Context, tx pgx.Tx, r *message.Room) error {
		_, err := store.Add(ctx, tx, r, message.Plain, []string{"again", "late"})
		return err
	})
	say("again", "", talkGroup, 1)
	under(talkEnded, func(ctx context.Context, tx pgx.Tx, r *message.Room) error {
		_, err := store.Dissolve(ctx, tx, r)
		return err
	})
	mustExec(t, pool, `delete from outbox.event where type = 'message.stored'`)
}

func messageDamages() []damage {
	direct := message.DirectID("alice", "bob")
	row := func(table, set, conversation, more string) string {
		return fmt.Sprintf("update message.%s set %s where conversation_id = '%s' %s", table, set, conversation, more)
	}
	member := func(set, conversation, user string) string {
		return row("member", set, conversation, "and user_id = '"+user+"'")
	}
	event := func(span string) string {
		return fmt.Sprintf(`insert into outbox.event (event_id, aggregate, type, body) values ('e', 'e', 'message.stored',
			'{"id":"e","type":"message.stored","subject":"e","data":{"spans":[%s]}}')`, span)
	}
	return []damage{
		{"messages_are_dense", "one is missing", `delete from message.message where conversation_id = '` + talkGroup + `' and seq = 3`, ""},
		{"messages_are_dense", "the first is missing", `delete from message.message where conversation_id = '` + talkGroup + `' and seq = 1`, ""},
		{"messages_are_dense", "the last is missing", `delete from message.message where conversation_id = '` + direct + `' and seq = 5`, ""},
		{"messages_are_dense", "all are missing", `delete from message.message where conversation_id = '` + direct + `'`, ""},
		{"messages_are_dense", "the last is another", row("conversation", "last_seq = last_seq + 1", direct, ""), ""},
		{"messages_are_dense", "in no conversation", `insert into message.message (conversation_id, seq, sender_id, client_msg_id, payload_hash, kind, body, created_at)
			values ('nowhere', 1, 'alice', 'x', '', 'text', '{}', now())`, "sender_was_a_member"},
		{"message_is_said_once", "two of one id", `alter table message.message drop constraint message_once; ` +
			row("message", "client_msg_id = 'same'", direct, "and sender_id = 'alice'"), ""},
		{"sender_was_a_member", "by a stranger", row("message", "sender_id = 'mallory'", direct, "and seq = 5"), ""},
		{"sender_was_a_member", "after leaving", row("message", "sender_id = 'left'", talkGroup, "and seq = 6"), ""},
		{"sender_was_a_member", "before coming, and afterwards", row("message", "sender_id = 'late', created_at = clock_timestamp()", talkGroup, "and seq = 5"), ""},
		{"recalled_says_nothing", "it still says it", row("message", `body = '{"text":"hi"}'`, talkGroup, "and seq = 2"), ""},
		{"recalled_says_nothing", "by nobody", row("message", "recalled_by = null", talkGroup, "and seq = 2"), ""},
		{"recalled_says_nothing", "never", row("message", "recalled_at = null", talkGroup, "and seq = 2"), ""},
		{"recalled_says_nothing", "before it was said", row("message", "recalled_at = created_at - interval '1 hour'", talkGroup, "and seq = 2"), ""},
		{"members_are_counted", "one more", row("conversation", "member_count = member_count + 1", talkGroup, ""), ""},
		{"members_are_counted", "one less is there", member("left_seq = 6", talkGroup, "late"), ""},
		{"member_fits_its_conversation", "has read what is to come", member("read_seq = 99", direct, "bob"), ""},
		{"member_fits_its_conversation", "has read what it cannot see", member("read_seq = 0", talkGroup, "late"), ""},
		{"member_fits_its_conversation", "left later than now", member("left_seq = 99", talkGroup, "left"), ""},
		{"member_fits_its_conversation", "changed later than now", member("version = 99", talkGroup, "late"), ""},
		{"direct_is_of_its_pair", "another one", member("user_id = 'carol'", direct, "bob"), "sender_was_a_member"},
		{"direct_is_of_its_pair", "one has left", member("left_seq = 5", direct, "alice") + "; " + row("conversation", "member_count = 1", direct, ""), ""},
		{"direct_is_of_its_pair", "one is more", member("role = 'admin'", direct, "alice"), ""},
		{"direct_is_of_its_pair", "it is over", row("conversation", "dissolved_at = now()", direct, ""), ""},
		{"direct_is_of_its_pair", "of nobody", `insert into message.conversation (conversation_id, kind) values ('x', 'direct')`, ""},
		{"group_has_one_owner", "no owner", member("role = 'admin'", talkGroup, "owner"), ""},
		{"group_has_one_owner", "two owners", `drop index message.member_owner; ` + member("role = 'owner'", talkGroup, "admin"), ""},
		{"group_has_one_owner", "somebody is left in what is over", member("left_seq = null", talkEnded, "admin") + "; " + row("conversation", "member_count = 1", talkEnded, ""), ""},
		{"nothing_after_the_end", "something was", row("conversation", "dissolved_at = '2020-01-01'", talkEnded, ""), ""},
		{"group_has_its_conversation", "no group", `delete from groups.group where group_id = '` + talkGroup + `'`, ""},
		{"group_has_its_conversation", "no conversation", `insert into groups.group (group_id, title, created_by) values ('x', 'x', 'x')`, ""},
		{"group_has_its_conversation", "of two only", `insert into groups.group (group_id, title, created_by) values ('` + direct + `', 'x', 'x')`, ""},
		{"event_tells_of_messages", "in no conversation", event(`{"conversation":"x","first":1,"last":1}`), ""},
		{"event_tells_of_messages", "to come", event(`{"conversation":"` + direct + `","first":1,"last":99}`), ""},
		{"event_tells_of_messages", "none", event(`{"conversation":"` + direct + `","first":3,"last":2}`), ""},
		{"event_tells_of_messages", "without a place", event(`{}`), ""},
	}
}

// What is told rightly breaks nothing.
func TestAnEventOfMessagesThatAreThereIsGood(t *testing.T) {
	t.Parallel()
	s := newMarket(t)
	id := message.DirectID("alice", "bob")
	for _, data := range []message.StoredData{
		{Spans: []message.Stretch{{Conversation: id, First: 1, Last: 5}, {Conversation: talkEnded, First: 4, Last: 4}}},
		{Recalls: []message.Place{{Conversation: talkGroup, Seq: 2}}},
	} {
		e, err := message.StoredEvent("e", data)
		must(t, err)
		if got := s.broken(t, fmt.Sprintf(`insert into outbox.event (event_id, aggregate, type, body)
			values ('e', 'e', 'message.stored', '{"id":"e","type":"message.stored","subject":"e","data":%s}')`, e.Data)); len(got) > 0 {
			t.Errorf("%s breaks %v", e.Data, got)
		}
	}
}
