package invariant

import "bazaar/shared/message"

// messageRules are of conversations, their members and what was said. That every
// message was told of cannot be seen here: see outbox_is_published.
func messageRules() []Rule {
	return []Rule{
		{Name: "messages_are_dense", Means: "the messages of a conversation are numbered from 1 to its last, without a hole", Query: `
			select format('%s has %s messages from %s to %s, its last is %s', coalesce(c.conversation_id, g.conversation_id),
				coalesce(g.n, 0), g.first, g.last, c.last_seq)
			from message.conversation c full join (
				select conversation_id, count(*) n, min(seq) first, max(seq) last from message.message group by conversation_id) g using (conversation_id)
			where c.conversation_id is null or (coalesce(g.n, 0), coalesce(g.first, 1), coalesce(g.last, 0)) <> (c.last_seq, 1, c.last_seq)`},
		{Name: "message_is_said_once", Means: "a sender's client_msg_id is of one message", Query: `
			select format('%s of %s: %s messages', client_msg_id, sender_id, count(*))
			from message.message group by sender_id, client_msg_id having count(*) > 1`},
		{Name: "sender_was_a_member", Means: "who said something in a conversation was in it", Query: `
			select format('%s in %s: %s messages', g.sender_id, g.conversation_id, count(*))
			from message.message g left join message.member m on m.conversation_id = g.conversation_id and m.user_id = g.sender_id
			where m.user_id is null or g.seq <= m.from_seq and m.left_seq is null and g.created_at > m.joined_at or m.left_seq < g.seq
			group by g.sender_id, g.conversation_id`},
		{Name: "recalled_says_nothing", Means: "a message that was recalled says so whole, and nothing else", Query: `
			select format('%s of %s: %s at %s by %s', seq, conversation_id, left(body, 20), recalled_at, recalled_by) from message.message
			where (recalled_at is null) <> (recalled_by is null) or recalled_at is not null and body <> '{}' or recalled_at < created_at`},
		{Name: "members_are_counted", Means: "a conversation has as many members as it says", Query: `
			select format('%s says %s members, and has %s', c.conversation_id, c.member_count, count(m.user_id))
			from message.conversation c left join message.member m on m.conversation_id = c.conversation_id and m.left_seq is null
			group by c.conversation_id having c.member_count <> count(m.user_id)`},
		{Name: "member_fits_its_conversation", Means: "a member reads between where it came and the last message, and changed at no later version than the conversation's", Query: `
			select format('%s in %s: from %s, read %s, left %s, version %s; the last is %s, version %s', m.user_id, m.conversation_id,
				m.from_seq, m.read_seq, m.left_seq, m.version, c.last_seq, c.version)
			from message.member m join message.conversation c using (conversation_id)
			where m.read_seq not between m.from_seq and c.last_seq or m.left_seq not between m.from_seq and c.last_seq or m.version > c.version`},
		{Name: "direct_is_of_its_pair", Means: "a direct conversation is for ever that of the two users that its id comes from", Query: `
			select format('%s of %s', c.conversation_id, string_agg(m.user_id, ', ' order by m.user_id collate "C"))
			from message.conversation c left join message.member m on m.conversation_id = c.conversation_id and m.left_seq is null
			where c.kind = 'direct' group by c.conversation_id
			having count(m.user_id) <> 2 or bool_or(m.role <> 'member') or min(c.dissolved_at) is not null or c.conversation_id is distinct from 'd_' || rtrim(translate(
				encode(substring(sha256(convert_to('direct', 'UTF8') || '\x00' || convert_to(min(m.user_id collate "C"), 'UTF8') || '\x00' ||
					convert_to(max(m.user_id collate "C"), 'UTF8')) for 16), 'base64'), '+/', '-_'), '=')`},
		{Name: "group_has_one_owner", Means: "a group that is not dissolved has one owner, and one that is has nobody", Query: `
			select format('%s has %s owners of %s members, dissolved %s', c.conversation_id, count(*) filter (where m.role = 'owner'), count(m.user_id), c.dissolved_at)
			from message.conversation c left join message.member m on m.conversation_id = c.conversation_id and m.left_seq is null
			where c.kind = 'group' group by c.conversation_id
			having count(*) filter (where m.role = 'owner') <> case when c.dissolved_at is null then 1 else 0 end or c.dissolved_at is not null and count(m.user_id) > 0`},
		{Name: "nothing_after_the_end", Means: "nothing was said in a conversation after it was dissolved", Query: `
			select format('%s of %s at %s, dissolved %s', g.seq, g.conversation_id, g.created_at, c.dissolved_at)
			from message.conversation c join message.message g using (conversation_id) where g.created_at > c.dissolved_at`},
		{Name: "group_has_its_conversation", Means: "a group has the conversation that bears its id, and back", Query: `
			select format('%s is %s', coalesce(g.group_id, c.conversation_id), coalesce(c.kind, 'no conversation') || case when g.group_id is null then ' without a title' else '' end)
			from groups.group g full join (select * from message.conversation where kind = 'group') c on c.conversation_id = g.group_id
			where g.group_id is null or c.conversation_id is null`},
		{Name: "event_tells_of_messages", Means: "an event of messages in the outbox names some that are there", Query: `
			select format('position %s: %s of %s', e.position, e.event_id, s.span)
			from outbox.event e cross join lateral jsonb_array_elements(case jsonb_typeof(e.body #> '{data,spans}') when 'array' then e.body #> '{data,spans}' else '[{}]' end) s (span)
			where e.type = '` + message.Stored + `' and e.body #> '{data,recalls}' is null and not exists (
				select from message.conversation c where c.conversation_id = s.span ->> 'conversation'
					and s.span -> 'first' between '1' and s.span -> 'last' and s.span -> 'last' <= to_jsonb(c.last_seq))`},
	}
}
