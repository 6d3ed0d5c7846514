-- +goose Up
create schema identity;

create table identity.account (
  user_id       text primary key check (user_id ~ '^[A-Za-z0-9_-]{1,64}$'),
  username      text not null unique,
  password_hash text not null,       -- argon2id, PHC string
  roles         text[] not null default '{}',
  created_at    timestamptz not null default now()
);

create table identity.session (
  session_id uuid primary key,
  user_id    text not null references identity.account,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  ended_at   timestamptz,
  end_reason text
);
create index session_user_id on identity.session (user_id, created_at);

-- Only hashes are kept. The newest token of a session has no replaced_at.
create table identity.refresh_token (
  token_hash  bytea primary key,     -- SHA-256 of the token
  session_id  uuid not null references identity.session,
  created_at  timestamptz not null default now(),
  expires_at  timestamptz not null,
  replaced_at timestamptz,
  seed        bytea                  -- made the successor, together with the token itself; gone with the grace
);
create index refresh_token_session on identity.refresh_token (session_id, expires_at);
create index refresh_token_seed on identity.refresh_token (session_id) where seed is not null;
create unique index refresh_token_newest on identity.refresh_token (session_id) where replaced_at is null;

-- The sessions whose access tokens must not be accepted, until the last of them has expired.
create table identity.revocation (
  session_id uuid primary key,
  until      timestamptz not null
);
create index revocation_until on identity.revocation (until);

-- +goose Down
drop schema identity cascade;
