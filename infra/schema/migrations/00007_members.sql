-- +goose Up
-- The index of what users are in was of those who have not left, and had the
-- conversation in it too: so it could answer questions about a conversation, by a
-- walk through all of it, and the planner took it where it did not know better.
-- Now only questions about a user can use it.
drop index message.member_of_user;
create index member_of_user on message.member (user_id);

-- +goose Down
drop index message.member_of_user;
create index member_of_user on message.member (user_id, conversation_id) where left_seq is null;
