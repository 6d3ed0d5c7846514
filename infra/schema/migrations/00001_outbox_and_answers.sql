-- +goose Up
create schema outbox;

-- An event written in the transaction of what it tells. A published row is deleted.
create table outbox.event (
  position   bigint generated always as identity primary key,
  event_id   text not null,
  aggregate  text not null,          -- order within one aggregate is kept
  type       text not null,          -- also the NATS subject
  body       jsonb not null,         -- the CloudEvent
  created_at timestamptz not null default now()
);
create index event_aggregate on outbox.event (aggregate, position); -- the relay takes the first of each
create index event_event_id on outbox.event (event_id);             -- a published event's row goes by it

create schema idem;

-- The first answer to an idempotency key, or the work in progress on it.
create table idem.answer (
  id          uuid primary key,      -- from (scope, owner, key)
  scope       text not null,
  owner       text not null,
  key         text not null,
  fingerprint text not null,
  state       text not null check (state in ('in_progress', 'done')),
  holder      text not null,         -- who works on it
  held_until  timestamptz not null,
  progress    bytea,                 -- what a retry must take up instead of deciding again
  status      int,
  body        bytea,
  created_at  timestamptz not null default now(),
  unique (owner, scope, key),
  check (state <> 'done' or status is not null)
);
create index answer_created_at on idem.answer (created_at);

-- +goose Down
drop schema idem cascade;
drop schema outbox cascade;
