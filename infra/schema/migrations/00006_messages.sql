-- +goose Up
create schema message;

-- Who speaks with whom. Its row is the lock under which seq is given out and the membership changes.
create table message.conversation (
  conversation_id text primary key check (conversation_id ~ '^[A-Za-z0-9_-]{1,64}$'),
  kind         text not null check (kind in ('direct', 'group')),
  last_seq     bigint not null default 0 check (last_seq >= 0),     -- its messages are 1..last_seq
  version      bigint not null default 1 check (version > 0),       -- one more for each change of its members
  member_count int not null default 0 check (member_count between 0 and 10000),
  created_at   timestamptz not null default now(),
  active_at    timestamptz not null default now(),                  -- of the last message
  dissolved_at timestamptz
) with (fillfactor = 70); -- no index on what a message changes: such updates stay in their page

-- A row stays when its user leaves: by its version connectors learn who may not see any more.
create table message.member (
  conversation_id text not null references message.conversation,
  user_id     text not null check (user_id ~ '^[A-Za-z0-9_-]{1,64}$'),
  role        text not null default 'member' check (role in ('owner', 'admin', 'member')),
  version     bigint not null,                                      -- the conversation's, when this row last changed
  from_seq    bigint not null check (from_seq >= 0),                -- sees what comes after it
  left_seq    bigint check (left_seq >= from_seq),                  -- null: a member
  read_seq    bigint not null check (read_seq >= 0),                -- only moves forward
  muted_until timestamptz,
  joined_at   timestamptz not null default now(),
  changed_at  timestamptz not null default now(),                   -- of version, not of read_seq
  primary key (conversation_id, user_id)
) with (fillfactor = 80);
create index member_of_user on message.member (user_id, conversation_id) where left_seq is null;
create index member_version on message.member (conversation_id, version);
create index member_changed on message.member (changed_at);
create unique index member_owner on message.member (conversation_id) where role = 'owner' and left_seq is null;

-- Append-only but for a recall. No foreign key: a row is only written under its conversation's lock.
create table message.message (
  conversation_id text not null,
  seq           bigint not null check (seq > 0),
  sender_id     text not null,
  client_msg_id text not null check (client_msg_id ~ '^[A-Za-z0-9_-]{1,64}$'),
  payload_hash  bytea not null,                                     -- of conversation, kind and body: the same id must mean the same
  kind          text not null,
  body          text not null check (octet_length(body) <= 16384),  -- JSON as it came, without blanks; {} once recalled
  created_at    timestamptz not null,
  recalled_at   timestamptz,
  recalled_by   text,
  primary key (conversation_id, seq),
  constraint message_once unique (sender_id, client_msg_id)
);
create index message_created on message.message using brin (created_at) with (pages_per_range = 16, autosummarize = on); -- the sweep reads the end
create index message_recalled on message.message (conversation_id, recalled_at) where recalled_at is not null;

-- How far the sweep has told of heads; one row.
create table message.sweep (
  one      boolean primary key default true check (one),
  swept_to timestamptz not null default now()
);
insert into message.sweep default values;

-- The classic table. It is read; status is moved by the cursor (message.member.read_seq), never by an UPDATE of what was not seen.
create view message.inbox as
select m.user_id, g.body as message_body, case when g.seq <= m.read_seq then 1 else 0 end as status,
       g.created_at as create_time, g.conversation_id, g.seq, g.sender_id
from message.member m
join message.message g on g.conversation_id = m.conversation_id and g.seq > m.from_seq
where m.left_seq is null and g.sender_id <> m.user_id;

create schema groups; -- "group" is a reserved word

create table groups.group (
  group_id   text primary key check (group_id ~ '^[A-Za-z0-9_-]{1,64}$'),  -- its conversation's id too
  title      text not null check (char_length(title) between 1 and 100),
  open       boolean not null default false,                                -- anyone who knows the id may join
  created_by text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

-- +goose Down
drop schema groups cascade;
drop schema message cascade;
