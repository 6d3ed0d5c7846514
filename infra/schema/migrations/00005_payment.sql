-- +goose Up
create schema payment;

create table payment.payment (
  payment_id   uuid primary key,
  order_id     uuid not null,
  user_id      text not null,
  attempt      smallint not null,
  provider     text not null check (provider in ('alipay')),
  out_trade_no text not null unique check (out_trade_no ~ '^[A-Za-z0-9_]{1,64}$'),
  trade_no     text,
  status       text not null check (status in ('WAIT', 'SUCCESS', 'CLOSED')),
  amount       bigint not null check (amount > 0),
  currency     char(3) not null,
  qr_code      text,
  pay_url      text,
  created_at   timestamptz not null default now(),
  busy_until   timestamptz not null, -- the call that starts it has ended by then
  paid_at      timestamptz,
  unique (order_id, attempt),
  unique (provider, trade_no)
);
create unique index payment_open on payment.payment (order_id) where status = 'WAIT';
create unique index payment_succeeded on payment.payment (order_id) where status = 'SUCCESS';

-- What the provider said, stored before it is answered. state: new until it is applied;
-- unmatched: nothing of ours yet, tried again; rejected: signed but not ours or of another amount;
-- late: money for an order that can no longer be paid; ignored: says nothing new.
create table payment.inbox (
  inbox_id     bigint generated always as identity primary key,
  provider     text not null,
  notify_id    text not null,        -- the provider's own; unique under its retries
  source       text not null check (source in ('notify', 'query')),
  out_trade_no text not null,
  trade_no     text not null,
  trade_status text not null,
  amount       bigint not null,      -- fen
  app_id       text not null,
  seller_id    text not null,
  raw          text not null,        -- as it came
  state        text not null default 'new' check (state in ('new', 'unmatched', 'applied', 'rejected', 'late', 'ignored')),
  reason       text not null default '',
  tries        int not null default 0,
  next_try_at  timestamptz default now(),  -- null: done
  received_at  timestamptz not null default now(),
  traceparent  text not null default '',
  unique (provider, notify_id)
);
create index inbox_waiting on payment.inbox (next_try_at) where next_try_at is not null;
create index inbox_trade on payment.inbox (out_trade_no);

-- +goose Down
drop schema payment cascade;
