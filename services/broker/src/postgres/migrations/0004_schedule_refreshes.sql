-- Why: tokens are refreshed before they end instead of while an agent waits, and idle grants before the provider drops them.

alter table connections
  -- sampled, at most once in five minutes: reads do not write
  add column last_used_at timestamptz,
  -- overrides the provider's policy: domain/refresh-schedule.ts
  add column refresh_schedule text,
  -- null = not decided yet; infinity = decided: never
  add column next_refresh_at timestamptz,
  add constraint connections_refresh_schedule_known
    check (refresh_schedule in ('on_demand', 'proactive', 'keep_alive'));

-- the provider is in it so that rows of a provider that cannot keep up are passed over without a look at the table
create index connections_due on connections (next_refresh_at) include (provider_id) where status = 'active';

-- how far sealing anew under one primary key has come; a row per rotation, so that any process can go on with it
create table reseal_progress (
  -- the key under which is sealed anew
  key_id text primary key,
  -- one walk over every sealed column; the last one found nothing left to do
  pass integer not null default 1,
  source text not null default '',
  position jsonb,
  -- rows of this pass that another key had sealed
  found bigint not null default 0,
  looked_at bigint not null default 0,
  resealed bigint not null default 0,
  -- {key id: rows of this pass that did not open}
  unopened jsonb not null default '{}',
  retired_keys text[] not null default '{}',
  is_paused boolean not null default false,
  rows_per_second integer not null default 1000,
  -- who works on it now, and until when without a word
  worker uuid,
  worker_until timestamptz,
  started_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  finished_at timestamptz,
  constraint reseal_progress_rate check (rows_per_second between 1 and 100000)
);

-- what housekeeping looks for; nothing is in it that was shredded already
create index connections_dead on connections (updated_at)
  where status in ('attention', 'failed', 'revoked') and sealed_credentials is not null;
