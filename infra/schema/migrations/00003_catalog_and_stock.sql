-- +goose Up
create schema catalog;

create table catalog.product (
  sku        text primary key check (sku ~ '^[A-Za-z0-9_-]{1,64}$'),
  title      text not null check (length(title) between 1 and 200),
  amount     bigint not null check (amount >= 0),   -- minor units
  currency   char(3) not null check (currency ~ '^[A-Z]{3}$'),
  image      text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index product_updated_at on catalog.product (updated_at);

create schema stock;

-- available + reserved + sold = all that was ever put in and not taken out.
create table stock.item (
  sku       text primary key check (sku ~ '^[A-Za-z0-9_-]{1,64}$'),
  available bigint not null default 0 check (available >= 0),
  reserved  bigint not null default 0 check (reserved >= 0),
  sold      bigint not null default 0 check (sold >= 0)
);

-- Append-only: what changed a stock.item, and why. The sums of a SKU are its item.
create table stock.entry (
  reference  uuid not null,          -- the order, or the restock, that caused it
  sku        text not null references stock.item,
  kind       text not null check (kind in ('restock', 'reserve', 'confirm', 'release', 'return')),
  available  bigint not null default 0,   -- deltas
  reserved   bigint not null default 0,
  sold       bigint not null default 0,
  at         timestamptz not null default now(),
  primary key (reference, sku, kind)
);

-- +goose Down
drop schema stock cascade;
drop schema catalog cascade;
