-- +goose Up
create schema orders;   -- "order" is a reserved word

create table orders.order (
  order_id    uuid primary key,
  user_id     text not null,
  state       text not null check (state in ('reserved', 'rejected', 'closing', 'closed', 'paid', 'shipped', 'completed')),
  reason      text,
  version     int not null,          -- one more for each row of its history
  amount      bigint not null check (amount >= 0),
  currency    char(3) not null,
  fingerprint text not null,         -- of the request that placed it
  created_at  timestamptz not null,  -- when it was accepted
  expires_at  timestamptz,           -- unpaid by then: closing
  next_try_at timestamptz,           -- closing: when to ask the provider again
  tries       int not null default 0,
  carrier     text,
  tracking    text,
  traceparent text not null default '',
  check (state not in ('reserved', 'closing') or expires_at is not null),
  check (state <> 'closing' or next_try_at is not null)
);
create index order_of_user on orders.order (user_id, created_at desc, order_id desc);
create index order_created on orders.order (created_at desc, order_id desc);
create index order_expiring on orders.order (expires_at) where state = 'reserved';
create index order_closing on orders.order (next_try_at) where state = 'closing';

create table orders.line (
  order_id uuid not null references orders.order,
  line_no  smallint not null,
  sku      text not null,
  quantity int not null check (quantity between 1 and 1000),
  amount   bigint not null check (amount >= 0),   -- of one unit
  primary key (order_id, line_no),
  unique (order_id, sku)
);

-- Append-only: a path through the table of transitions.
create table orders.history (
  order_id   uuid not null references orders.order,
  version    int not null,
  from_state text not null,
  to_state   text not null,
  event      text not null,
  actor      text not null,
  note       text not null default '',
  at         timestamptz not null default now(),
  primary key (order_id, version)
);

-- +goose Down
drop schema orders cascade;
